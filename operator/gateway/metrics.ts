/** What the gateway counts. Series of a service are looked up once, not once a request. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import type { Service } from './service.ts';

export interface GatewayMetrics {
  /** A request ended with this status code; 499: the client went away. */
  answered(service: Service, code: number, seconds: number): void;
  /** A request named no service of ours, or one that is no more. */
  unknown(code: number): void;
  /** A request that found no replica at all was seated after `seconds`. */
  coldStart(service: Service, seconds: number): void;
  /** A request lost its replica before the first byte and was put back in the queue. */
  retried(service: Service): void;
  /** It is no more: its series go, as services of ever new names would fill the memory. */
  forget(service: Service): void;
}

const labelNames = ['namespace', 'service'] as const;

interface Series {
  readonly durations: { observe(seconds: number): void };
  readonly codes: Map<number, { inc(): void }>;
}

const gaugeOf =
  (registry: Registry, services: () => Iterable<Service>) =>
  (name: string, help: string, read: (service: Service) => number): void => {
    const gauge = new Gauge({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        gauge.reset();
        for (const service of services()) gauge.set(labelsOf(service), read(service));
      },
    });
  };

const labelsOf = ({ route }: Service) => ({ namespace: route.namespace, service: route.name });

function createMetrics(registry: Registry) {
  const common = { labelNames, registers: [registry] };
  return {
    requests: new Counter({
      name: 'limbeck_gateway_requests_total',
      help: 'Requests ended, by status code; 499 stands for a client that went away.',
      labelNames: [...labelNames, 'code'],
      registers: [registry],
    }),
    seconds: new Histogram({
      name: 'limbeck_gateway_request_seconds',
      help: 'Seconds from the head of a request to the end of its answer, waiting included.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      ...common,
    }),
    cold: new Histogram({
      name: 'limbeck_gateway_cold_start_seconds',
      help: 'Seconds that requests waited which arrived while there was no replica.',
      buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600],
      ...common,
    }),
    retries: new Counter({
      name: 'limbeck_gateway_retries_total',
      help: 'Requests put back in the queue because their replica was lost before the first byte of an answer.',
      ...common,
    }),
  };
}

/** Registers the gateway's metrics. */
export function gatewayMetrics(registry: Registry, services: () => Iterable<Service>): GatewayMetrics {
  const { requests, seconds, cold, retries } = createMetrics(registry);
  const gauge = gaugeOf(registry, services);
  gauge('limbeck_gateway_in_flight', 'Requests at a replica now.', (service) => service.inFlight);
  gauge('limbeck_gateway_waiting', 'Requests held for a seat now.', (service) => service.waiting);
  const known = new WeakMap<Service, Series>();
  const forgotten = new WeakSet<Service>();
  const isThere = (service: Service): boolean => !forgotten.has(service);
  const seriesOf = (service: Service): Series => {
    const series = known.get(service) ?? { durations: seconds.labels(labelsOf(service)), codes: new Map() };
    known.set(service, series);
    return series;
  };
  const unknown = (code: number): void => requests.inc({ namespace: '', service: '', code: String(code) });
  return {
    answered: (service, code, took) => {
      // What was under way when its service was deleted must not bring its series back.
      if (!isThere(service)) {
        unknown(code);
        return;
      }
      const { durations, codes } = seriesOf(service);
      const counter = codes.get(code) ?? requests.labels({ ...labelsOf(service), code: String(code) });
      codes.set(code, counter);
      counter.inc();
      durations.observe(took);
    },
    unknown,
    coldStart: (service, waited) => isThere(service) && cold.observe(labelsOf(service), waited),
    retried: (service) => isThere(service) && retries.inc(labelsOf(service)),
    forget: (service) => {
      for (const metric of [seconds, cold, retries]) metric.remove(labelsOf(service));
      for (const code of known.get(service)?.codes.keys() ?? [])
        requests.remove({ ...labelsOf(service), code: String(code) });
      known.delete(service);
      forgotten.add(service);
    },
  };
}
