/**
 * grpc.health.v1.Health, which probes of Kubernetes and proxies ask of every gRPC server. `Watch` is not offered: those who would
 * like it go on with `Check`, as its specification says.
 */
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';
import type { Face } from '../face.ts';
import { Refusal } from '../protocol/errors.ts';

/** The specification's health.proto, as far as it is offered. */
const messages = {
  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
  HealthCheckResponse: {
    fields: { status: { type: 'ServingStatus', id: 1 } },
    nested: { ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } } },
  },
};
const check = { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse', comment: '' };
const v1 = { Health: { methods: { Check: check } }, ...messages };

/** Its declaration. */
export function readHealth(options: Parameters<typeof fromJSON>[1]): PackageDefinition {
  return fromJSON({ nested: { grpc: { nested: { health: { nested: { v1: { nested: v1 } } } } } } }, options);
}

/** The server as a whole, or its only other service, which stand alike. */
const services = new Set(['', 'inference.GRPCInferenceService']);

/** Its calls by name. */
export function healthMethods({ engine, draining }: Face) {
  return {
    Check: ({ service }: { readonly service: string }) => {
      if (!services.has(service)) throw new Refusal({ kind: 'notFound' }, `there is no service '${service}'`);
      return { status: !draining() && engine.notReady === undefined ? 'SERVING' : 'NOT_SERVING' };
    },
  };
}
