/** What Kubeflow Trainer and JobSet release: programs, built with Go, and manifests, read from their modules. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { buildFolder } from '../operator/api-server.ts';

const run = promisify(execFile);

interface Module {
  readonly path: string;
  readonly version: string;
  readonly name: string;
  /** The folder of the program. */
  readonly main: string;
  readonly definitions: string;
  readonly webhooks: string;
  readonly config: string;
}

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

/** A webhook configuration; only where its webhooks are found is of interest. */
export interface WebhookConfiguration extends KubeObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

/** One manager as it is released. */
export interface Manager {
  readonly name: string;
  readonly program: string;
  readonly definitions: readonly KubeObject[];
  readonly webhooks: readonly WebhookConfiguration[];
  readonly config: Readonly<Record<string, object>>;
}

export interface Release {
  readonly trainer: Manager;
  readonly jobSet: Manager;
  /** The ClusterTrainingRuntime for PyTorch that comes with it. */
  readonly torch: KubeObject;
}

async function sources({ path, version }: Module): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', `${path}@${version}`]);
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir;
}

/** As its own go.mod and go.sum say, once for each version. */
async function built({ name, main, version }: Module, folder: string): Promise<string> {
  const program = join(buildFolder, `${name}-${version}`, name);
  if (existsSync(program)) return program;
  console.log(`building ${name} ${version}, some minutes the first time`);
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' };
  mkdirSync(dirname(program), { recursive: true });
  await run('go', ['build', '-ldflags=-s -w', '-o', `${program}.new`, `./${main}`], { cwd: folder, env });
  renameSync(`${program}.new`, program);
  return program;
}

const documents = <T>(file: string): T[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as T);

async function managerOf(module: Module, folder: string): Promise<Manager> {
  const definitions = readdirSync(join(folder, module.definitions))
    .flatMap((file) => documents<KubeObject>(join(folder, module.definitions, file)))
    .filter(({ kind }) => kind === 'CustomResourceDefinition');
  return {
    ...{ name: module.name, program: await built(module, folder), definitions },
    webhooks: documents(join(folder, module.webhooks)),
    config: parse(readFileSync(join(folder, module.config), 'utf8')) as Manager['config'],
  };
}

export async function released(): Promise<Release> {
  const folder = await sources(trainer);
  return {
    trainer: await managerOf(trainer, folder),
    jobSet: await managerOf(jobSet, await sources(jobSet)),
    torch: parse(readFileSync(join(folder, 'manifests/base/runtimes/torch_distributed.yaml'), 'utf8')) as KubeObject,
  };
}
