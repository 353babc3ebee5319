/** What Kubeflow Trainer and JobSet release. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { managerOf, sources, type Manager, type Module } from '../go-modules.ts';

const trainer: Module = {
  path: 'github.com/kubeflow/trainer/v2',
  version: 'v2.3.0',
  name: 'trainer-controller-manager',
  main: 'cmd/trainer-controller-manager',
  definitions: 'manifests/base/crds',
  webhooks: 'manifests/base/webhook/manifests.yaml',
  config: 'manifests/base/manager/controller_manager_config.yaml',
};

/** The version that this release of Trainer installs. */
const jobSet: Module = {
  path: 'sigs.k8s.io/jobset',
  version: 'v0.12.0',
  name: 'jobset',
  main: '.',
  definitions: 'config/components/crd/bases',
  webhooks: 'config/components/webhook/manifests.yaml',
  config: 'config/components/manager/controller_manager_config.yaml',
};

export const versions = `Kubeflow Trainer ${trainer.version} with JobSet ${jobSet.version}`;

export interface Release {
  readonly trainer: Manager;
  readonly jobSet: Manager;
  /** The ClusterTrainingRuntime for PyTorch that comes with it. */
  readonly torch: KubeObject;
}

export async function released(): Promise<Release> {
  const folder = await sources(trainer);
  return {
    trainer: await managerOf(trainer, folder),
    jobSet: await managerOf(jobSet, await sources(jobSet)),
    torch: parse(readFileSync(join(folder, 'manifests/base/runtimes/torch_distributed.yaml'), 'utf8')) as KubeObject,
  };
}
