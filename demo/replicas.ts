/** The replicas of one ModelService over time, from its status alone. */
import type { ModelServiceStatus } from '../operator/api/generated.ts';
import { conditionOf, wordsOf, type Kubectl } from './kubectl.ts';
import type { ReplicaPoint } from './summary.ts';

/** A status of the service, and when it was seen. */
export interface Seen {
  readonly atMs: number;
  readonly status: ModelServiceStatus;
}

interface Waiter {
  readonly test: (status: ModelServiceStatus) => boolean;
  readonly resolve: (seen: Seen) => void;
}

/** Follows one service until it is stopped. */
export class Replicas {
  readonly history: Seen[] = [];
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<Waiter>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Starts following; a failure of kubectl is not an answer, so it is tried again until `stop`. */
  start(kubectl: Kubectl, name: string): void {
    void (async () => {
      for await (const status of kubectl.statuses<ModelServiceStatus>('msvc', name, this.#stop.signal))
        this.see(status);
    })();
  }

  stop(): void {
    this.#stop.abort();
  }

  see(status: ModelServiceStatus): void {
    const seen = { atMs: this.#now(), status };
    this.history.push(seen);
    for (const waiter of this.#waiters) if (waiter.test(status)) waiter.resolve(seen);
  }

  get newest(): ModelServiceStatus | undefined {
    return this.history.at(-1)?.status;
  }

  get words(): string {
    const { replicas, readyReplicas, phase } = this.newest ?? {};
    return `${phase ?? 'not seen by the operator yet'}, ${readyReplicas ?? 0} of ${replicas ?? 0} replicas ready`;
  }

  /** The first status from now on, the newest included, that passes; undefined when `seconds` are over first. */
  async reached(test: Waiter['test'], seconds: number): Promise<Seen | undefined> {
    const newest = this.history.at(-1);
    if (newest !== undefined && test(newest.status)) return { ...newest, atMs: this.#now() };
    let waiter: Waiter | undefined;
    let timer: NodeJS.Timeout | undefined;
    const seen = await new Promise<Seen | undefined>((resolve) => {
      waiter = { test, resolve };
      this.#waiters.add(waiter);
      timer = setTimeout(() => resolve(undefined), seconds * 1000);
    });
    clearTimeout(timer);
    if (waiter !== undefined) this.#waiters.delete(waiter);
    return seen;
  }

  /** As `reached`, for what has to happen. */
  async must(what: string, test: Waiter['test'], seconds: number): Promise<Seen> {
    const seen = await this.reached(test, seconds);
    if (seen === undefined) throw new Error(`the service was not ${what} within ${seconds} s: ${wordsOf(this.newest)}`);
    return seen;
  }
}

export const isReady = (status: ModelServiceStatus): boolean => conditionOf(status, 'Ready')?.status === 'True';
export const atZero = (status: ModelServiceStatus): boolean =>
  (status.replicas ?? 0) === 0 && (status.readyReplicas ?? 0) === 0;
export const readyAtLeast =
  (count: number) =>
  (status: ModelServiceStatus): boolean =>
    (status.readyReplicas ?? 0) >= count;

/** Replicas over time from `fromMs` on, beginning with how it was then. */
export function timelineOf(history: readonly Seen[], fromMs: number): readonly ReplicaPoint[] {
  const later = history.findIndex(({ atMs }) => atMs > fromMs);
  const first = later === -1 ? history.length - 1 : later - 1;
  return history.slice(Math.max(0, first)).map(({ atMs, status }) => ({
    seconds: Math.max(0, Math.round((atMs - fromMs) / 100) / 10),
    replicas: status.replicas ?? 0,
    ready: status.readyReplicas ?? 0,
  }));
}
