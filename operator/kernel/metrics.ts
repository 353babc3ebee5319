/** What the kernel counts. Each function is called once per registry by whoever owns the counted part. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import type { InformerCounts } from './informer.ts';
import type { CallCounts } from './transport.ts';

const seconds = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Requests to the API server. */
export function callMetrics(registry: Registry): CallCounts {
  const registers = [registry];
  const answers = new Counter({
    name: 'limbeck_api_requests_total',
    help: 'Requests to the API server by verb, resource and HTTP status; broken: no answer came.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'limbeck_api_request_seconds',
    help: 'Time from sending a request to the API server to the head of its answer.',
    labelNames: ['verb'],
    buckets: seconds,
    registers,
  });
  const retries = new Counter({
    name: 'limbeck_api_retries_total',
    help: 'Reads that the transport sent again, because the connection broke or the server named a time.',
    labelNames: ['verb', 'resource'],
    registers,
  });
  return {
    answered: ({ verb, resource }, code, took) => {
      answers.inc({ verb, resource, code });
      if (verb !== 'watch') durations.observe({ verb }, took);
    },
    retried: ({ verb, resource }) => retries.inc({ verb, resource }),
  };
}

/** One informer, as the cache metrics look at it when they are scraped. */
export interface CacheFacts {
  readonly resource: string;
  readonly objects: () => number;
  readonly silentMs: () => number;
}

/** The caches: what they hold, how fresh they are, how their watches ended. */
export function cacheMetrics(registry: Registry, facts: readonly CacheFacts[]): InformerCounts {
  const registers = [registry];
  const labelNames = ['resource'];
  gaugeOf(registry, {
    name: 'limbeck_cache_objects',
    help: 'Objects in the cache by kind.',
    values: () => facts.map(({ resource, objects }) => ({ resource, value: objects() })),
  });
  gaugeOf(registry, {
    name: 'limbeck_cache_silence_seconds',
    help: 'Time since the API server last said anything about a kind, bookmarks included.',
    values: () => facts.map(({ resource, silentMs }) => ({ resource, value: silentMs() / 1000 })),
  });
  const lists = new Counter({
    name: 'limbeck_cache_lists_total',
    help: 'Complete lists by kind; more than one means that a watch could not be resumed.',
    labelNames,
    registers,
  });
  const ends = new Counter({
    name: 'limbeck_cache_watch_ends_total',
    help: 'Watches that ended, by kind and how: closed is normal, the rest are error codes.',
    labelNames: ['resource', 'how'],
    registers,
  });
  const failures = new Counter({
    name: 'limbeck_cache_listener_failures_total',
    help: 'Listeners of the cache that threw; each one is a bug.',
    labelNames,
    registers,
  });
  return {
    listed: (resource) => lists.inc({ resource }),
    watchEnded: (resource, how) => ends.inc({ resource, how }),
    listenerFailed: (resource) => failures.inc({ resource }),
  };
}

interface GaugeDefinition {
  readonly name: string;
  readonly help: string;
  readonly values: () => readonly { readonly resource: string; readonly value: number }[];
}

function gaugeOf(registry: Registry, { name, help, values }: GaugeDefinition): void {
  new Gauge({
    name,
    help,
    labelNames: ['resource'],
    registers: [registry],
    collect() {
      for (const { resource, value } of values()) this.set({ resource }, value);
    },
  });
}

export type WriteResult = 'written' | 'unchanged' | 'failed';

/** What happens to keys, passes and writes. */
export interface ControllerCounts {
  took(reconciler: string, waitedMs: number): void;
  finished(reconciler: string, outcome: string, tookMs: number): void;
  retried(reconciler: string): void;
  wrote(reconciler: string, what: 'apply' | 'status' | 'remove' | 'event', result: WriteResult): void;
}

/** Queues, passes and writes of every reconciler. `depths` is asked when scraped. */
export function controllerMetrics(
  registry: Registry,
  depths: () => readonly { readonly reconciler: string; readonly depth: number }[],
): ControllerCounts {
  const registers = [registry];
  const labelNames = ['reconciler'];
  new Gauge({
    name: 'limbeck_queue_depth',
    help: 'Keys that wait for a worker.',
    labelNames,
    registers,
    collect() {
      for (const { reconciler, depth } of depths()) this.set({ reconciler }, depth);
    },
  });
  const waits = new Histogram({
    name: 'limbeck_queue_wait_seconds',
    help: 'Time a key waited for a worker.',
    labelNames,
    buckets: seconds,
    registers,
  });
  const passes = passMetrics(registry);
  return { ...passes, took: (reconciler, waitedMs) => waits.observe({ reconciler }, waitedMs / 1000) };
}

function passMetrics(registry: Registry): Omit<ControllerCounts, 'took'> {
  const registers = [registry];
  const outcomes = new Counter({
    name: 'limbeck_reconciles_total',
    help: 'Passes by reconciler and outcome.',
    labelNames: ['reconciler', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'limbeck_reconcile_seconds',
    help: 'Time of one pass, writes included.',
    labelNames: ['reconciler'],
    buckets: seconds,
    registers,
  });
  const retries = new Counter({
    name: 'limbeck_reconcile_retries_total',
    help: 'Passes that failed and were put off by the back-off of their key.',
    labelNames: ['reconciler'],
    registers,
  });
  const writes = new Counter({
    name: 'limbeck_writes_total',
    help: 'Intended writes by result; unchanged ones were never sent.',
    labelNames: ['reconciler', 'what', 'result'],
    registers,
  });
  return {
    finished: (reconciler, outcome, tookMs) => {
      outcomes.inc({ reconciler, outcome });
      durations.observe({ reconciler }, tookMs / 1000);
    },
    retried: (reconciler) => retries.inc({ reconciler }),
    wrote: (reconciler, what, result) => writes.inc({ reconciler, what, result }),
  };
}

/** 1 while this process may write as the leader. */
export function leaderMetric(registry: Registry, mayWrite: () => boolean): void {
  new Gauge({
    name: 'limbeck_leader',
    help: '1 while this process leads and may write.',
    registers: [registry],
    collect() {
      this.set(mayWrite() ? 1 : 0);
    },
  });
}
