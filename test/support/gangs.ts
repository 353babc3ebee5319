/** A cluster with a gang scheduler's API, and no gang scheduler. */
import { eventually } from './eventually.ts';
import { applyOnServer, kubectl } from './kubectl.ts';

/** Serves PodGroups as a gang scheduler installs them, in short; what is given takes them away again. */
export async function serveGroups(group: string, version: string): Promise<() => Promise<unknown>> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const names = { kind: 'PodGroup', listKind: 'PodGroupList', plural: 'podgroups', singular: 'podgroup' };
  const versions = [{ name: version, served: true, storage: true, schema }];
  // The group of the plugin's real CRD is protected: who installs it says who approved it.
  const annotations = { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/scheduler-plugins/pull/50' };
  const metadata = { name: `podgroups.${group}`, annotations };
  const spec = { group, scope: 'Namespaced', names, versions };
  await applyOnServer(
    JSON.stringify({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec }),
  );
  await kubectl('wait', '--for=condition=Established', `crd/${metadata.name}`, '--timeout=30s');
  await eventually(`${group} is served`, async () =>
    (await kubectl('get', '--raw', '/apis')).includes(`${group}/${version}`),
  );
  return () => kubectl('delete', 'crd', metadata.name);
}
