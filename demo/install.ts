/** `helm upgrade --install`, as a user would type it, in a namespace that enforces restricted pods. */
import type { Config } from './config.ts';
import { runProgram, type Kubectl } from './kubectl.ts';

export const release = 'limbeck';

/** A namespace that admits no pod that could do harm. */
export const restrictedNamespace = (name: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
});

/** Installs or upgrades the chart and waits until every pod of it is ready. `settings` are further --set arguments. */
export async function install(kubectl: Kubectl, config: Config, settings: readonly string[] = []): Promise<void> {
  await kubectl.applyObject(restrictedNamespace(config.system));
  await forgetUnfinished(kubectl);
  const port =
    config.gateway.kind === 'nodePort'
      ? [`gateway.service.type=NodePort`, `gateway.service.nodePort=${config.gateway.port}`]
      : [];
  const set = [...port, ...settings].flatMap((setting) => ['--set', setting]);
  const wait = ['--wait', '--timeout', '3m'];
  await runProgram('helm', [
    ...['upgrade', '--install', release, 'charts/limbeck', '--namespace', config.system],
    ...['--values', config.valuesFile, ...set, ...wait],
  ]);
}

/** A killed helm leaves its release locked for ever; what it applied is taken over by the next one. */
async function forgetUnfinished(kubectl: Kubectl): Promise<void> {
  const unfinished = 'status in (pending-install,pending-upgrade,pending-rollback)';
  await kubectl.run(['delete', 'secret', '--selector', `owner=helm,name=${release},${unfinished}`]);
}
