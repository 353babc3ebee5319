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

/** Every gateway pod with an address, ready or not: one that terminates may still hold requests. */
export function gatewaysOf(cache: Cache, { gateway }: Settings): readonly GatewayAddress[] {
  const slices = cache.byIndex(endpointSlices, sliceIndex, `${gateway.namespace}/${gateway.service}`);
  const found = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .flatMap(({ addresses, targetRef }) => {
      const [host] = addresses;
      if (host === undefined) return [];
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${String(gateway.adminPort)}`;
      return [{ name: targetRef?.name ?? host, url }];
    });
  // A pod that moves between slices is in both for a moment.
  return [...new Map(found.map((address) => [address.url, address])).values()];
}
