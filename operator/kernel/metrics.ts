/** What the kernel counts. Each function is called once per registry by whoever owns the counted part. */
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import { everyHold, type HeldCounts } from './held.ts';
import type { InformerCounts } from './informer.ts';
import type { LeaseCounts } from './leader.ts';

/** Bounds of all durations. */
export const seconds = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** One informer, as the cache metrics look at it when they are scraped. */
export interface CacheFacts {
  readonly resource: string;
  readonly objects: () => number;
  readonly silentMs: () => number;
  readonly resourceVersion: () => string;
}

/** What caches hold, and how fresh they are. */
function contentMetrics(registry: Registry, facts: readonly CacheFacts[]): void {
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
  gaugeOf(registry, {
    name: 'limbeck_cache_resource_version',
    help: 'The newest version of a kind that the cache is known to reflect.',
    values: () => facts.map(({ resource, resourceVersion }) => ({ resource, value: Number(resourceVersion()) || 0 })),
  });
}

/** The caches: what they hold, how fresh they are, how their watches ended. */
export function cacheMetrics(registry: Registry, facts: readonly CacheFacts[]): InformerCounts {
  contentMetrics(registry, facts);
  const registers = [registry];
  const labelNames = ['resource'];
  const lists = new Counter({
    name: 'limbeck_cache_lists_total',
    help: 'Complete lists by kind; more than one means that a watch could not be resumed.',
    labelNames,
    registers,
  });
  const ends = new Counter({
    name: 'limbeck_cache_watch_ends_total',
    help: 'Watches that ended, by kind and how: closed is normal, silent is a stall, the rest are error codes.',
    labelNames: ['resource', 'how'],
    registers,
  });
  const failures = new Counter({
    name: 'limbeck_cache_listener_failures_total',
    help: 'Listeners of the cache that threw; each one is a bug.',
    labelNames,
    registers,
  });
  // Shown before the first one, or an alert could not tell it from none.
  for (const { resource } of facts) failures.inc({ resource }, 0);
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

/** One queue, as it is looked at when scraped. */
export interface QueueFacts {
  readonly name: string;
  readonly depth: number;
  readonly oldestWaitMs: number;
  readonly failing: number;
  readonly held: HeldCounts;
}

/** Queues, passes and writes of every reconciler. `queues` is asked when scraped. */
export function controllerMetrics(registry: Registry, queues: () => readonly QueueFacts[]): ControllerCounts {
  const registers = [registry];
  const labelNames = ['reconciler'];
  queueGauge(registry, queues, {
    name: 'limbeck_queue_depth',
    help: 'Keys that wait for a worker.',
    valueOf: ({ depth }) => depth,
  });
  queueGauge(registry, queues, {
    name: 'limbeck_queue_oldest_wait_seconds',
    help: 'Time that the key which has waited longest has waited for a worker; 0 when none waits.',
    valueOf: ({ oldestWaitMs }) => oldestWaitMs / 1000,
  });
  queueGauge(registry, queues, {
    name: 'limbeck_queue_failing_keys',
    help: 'Keys whose last pass failed and that are tried again, ever more rarely.',
    valueOf: ({ failing }) => failing,
  });
  heldGauge(registry, queues);
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

interface QueueGauge {
  readonly name: string;
  readonly help: string;
  readonly valueOf: (queue: QueueFacts) => number;
}

function queueGauge(registry: Registry, queues: () => readonly QueueFacts[], gauge: QueueGauge): void {
  new Gauge({
    name: gauge.name,
    help: gauge.help,
    labelNames: ['reconciler'],
    registers: [registry],
    collect() {
      for (const queue of queues()) this.set({ reconciler: queue.name }, gauge.valueOf(queue));
    },
  });
}

function heldGauge(registry: Registry, queues: () => readonly QueueFacts[]): void {
  new Gauge({
    name: 'limbeck_queue_held_keys',
    help: 'Keys that fail at nothing and come no further, by why: the reason of the condition, or a cache that is behind.',
    labelNames: ['reconciler', 'why'],
    registers: [registry],
    collect() {
      for (const { name, held } of queues())
        for (const why of everyHold) this.set({ reconciler: name, why }, held[why]);
    },
  });
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

/** Leadership, as it is looked at when scraped. */
export interface LeaderFacts {
  readonly mayWrite: () => boolean;
  /** Undefined while this process does not lead. */
  readonly renewalAgeMs: () => number | undefined;
}

/** Who leads, and how well it keeps its lease. Returns what counts attempts on the lease. */
export function leaderMetrics(registry: Registry, { mayWrite, renewalAgeMs }: LeaderFacts): LeaseCounts {
  const registers = [registry];
  new Gauge({
    name: 'limbeck_leader',
    help: '1 while this process leads and may write.',
    registers,
    collect() {
      this.set(mayWrite() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'limbeck_lease_renewal_age_seconds',
    help: 'Time since the start of the last renewal of the lease that succeeded; 0 while this process does not lead.',
    registers,
    collect() {
      this.set((renewalAgeMs() ?? 0) / 1000);
    },
  });
  const attempts = new Counter({
    name: 'limbeck_lease_attempts_total',
    help: 'Attempts on the lease by result: written, held by another one, or failed.',
    labelNames: ['result'],
    registers,
  });
  // Shown before the first one, or an increase would not see it.
  attempts.inc({ result: 'failed' }, 0);
  return (result) => attempts.inc({ result });
}

/** How far the API server's clock is ahead of ours. */
export function skewMetrics(registry: Registry, aheadMs: () => number): void {
  new Gauge({
    name: 'limbeck_clock_skew_seconds',
    help: 'By how much the clock of the API server is ahead of this process; below 0: behind; 0: no difference is sure.',
    registers: [registry],
    collect() {
      this.set(aheadMs() / 1000);
    },
  });
}

/** The event loop. Returns what hears how late each beat came. */
export function pulseMetrics(registry: Registry, blockedMs: number): (lateMs: number) => void {
  const registers = [registry];
  const delays = new Histogram({
    name: 'limbeck_event_loop_delay_seconds',
    help: 'How late a timer fired that is due twice a second.',
    buckets: seconds,
    registers,
  });
  const blocks = new Counter({
    name: 'limbeck_event_loop_blocks_total',
    help: 'Times that the event loop stood still for a second or more.',
    registers,
  });
  return (lateMs) => {
    delays.observe(lateMs / 1000);
    if (lateMs >= blockedMs) blocks.inc();
  };
}
