/**
 * The caches as the autoscaler reads them: which services there are, and which gateways hold requests. Adapters of the
 * composition root; they decide nothing.
 */
import type { GatewayAddress, ServiceScale } from './autoscaler/loop.ts';
import type { EndpointSlice } from './api/kubernetes.ts';
import { labels } from './api/names.ts';
import { deployments, endpointSlices, modelServices, type ModelService } from './api/resources.ts';
import { isOwnedBy, keyOf } from './kernel/objects.ts';
import type { Cache, Index } from './kernel/reconcile.ts';
import type { Settings } from './workloads/settings.ts';

const sliceIndex = 'slices-of-service';

/** EndpointSlices under namespace and name of their Service. */
export const slicesOfService: Index<EndpointSlice> = {
  resource: endpointSlices,
  name: sliceIndex,
  valuesOf: ({ metadata }) => {
    const name = metadata.labels?.[labels.serviceName];
    return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`];
  },
};

/** Every ModelService that has something to run, with its scale as the cluster has it. */
export const scalesOf = (cache: Cache): readonly ServiceScale[] =>
  cache
    .list(modelServices)
    .filter(({ status }) => status?.revision !== undefined)
    .map((service) => scaleOf(service, cache));

function scaleOf(service: ModelService, cache: Cache): ServiceScale {
  const { metadata, spec, status } = service;
  const { minReplicas, maxReplicas, target, idleSeconds, maxColdStartSeconds } = spec.scaling;
  const deployment = cache.get(deployments, keyOf(service));
  const owned = deployment !== undefined && isOwnedBy(deployment, service) ? deployment : undefined;
  return {
    key: keyOf(service),
    uid: metadata.uid ?? '',
    ...{ minReplicas, maxReplicas, idleSeconds, maxColdStartSeconds },
    targetInFlight: target.inFlight,
    pinned: spec.replicas,
    currentReplicas: owned?.spec?.replicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    verified: status?.revision !== undefined && status.revision === status.verifiedRevision,
  };
}

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

/** Deleted, and not ready: nothing new comes to it. What says nothing of that is taken to be ready, as Kubernetes has it. */
const isEnding = ({ conditions = {} }: Endpoint): boolean =>
  conditions.terminating === true && conditions.serving === false;

/** Every gateway pod with an address, ready or not: one that terminates may still hold requests. */
export function gatewaysOf(cache: Cache, { gateway }: Settings): readonly GatewayAddress[] {
  const slices = cache.byIndex(endpointSlices, sliceIndex, `${gateway.namespace}/${gateway.service}`);
  const found = new Map<string, GatewayAddress>();
  for (const endpoint of slices.flatMap(({ endpoints }) => endpoints ?? [])) {
    const [host] = endpoint.addresses;
    if (host === undefined) continue;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(gateway.adminPort)}`;
    const name = endpoint.targetRef?.name ?? host;
    // A pod that moves between slices is in both for a moment; and a new one may have the address of one that is no more.
    if (!isEnding(endpoint)) found.set(url, { name, url });
    else if (!found.has(url)) found.set(url, { name, url, endsInMs: gateway.graceSeconds * 1000 });
  }
  return [...found.values()];
}
