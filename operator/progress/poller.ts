/**
 * Asks pods how they are: rank 0 of each running attempt for its progress, servers that do not get ready for the reason.
 * Pods have no API rights and no port of ours is open to them, so we ask. Runs in the leader alone. However many pods
 * there are, only so many are asked at a time; each at most every two seconds, which bounds how often a status is
 * written for its sake.
 */
import type { Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { Key } from '../kernel/objects.ts';
import type { Cache } from '../kernel/reconcile.ts';
import { progressMetrics, type ProgressMetrics } from './metrics.ts';
import { parseProgress, parseReadiness, type Checkpoint, type ServerNews, type TrainerNews } from './news.ts';
import type { Pull } from './pull.ts';
import { targetsOf, type Ports, type Target } from './targets.ts';

/** What the poller needs of the outside. */
export interface ProgressPorts {
  readonly cache: Cache;
  readonly ports: Ports;
  readonly pull: Pull;
  /** News of this object came, or went. */
  readonly poke: (reconciler: Target['reconciler'], key: Key) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

/** What is known now, by the UID of the job; nothing is kept of pods that are gone. */
export interface Progress {
  /** Share of the steps that are done, such as `43%`; undefined while nothing is known. */
  progress(job: string): string | undefined;
  /** The newest checkpoint that the run has told of. */
  checkpoint(job: string): Checkpoint | undefined;
  /** Why the server in this pod is up and not ready; undefined while it loads, `unheard` until it has answered once. */
  loadFailure(pod: Pod): ServerNews | 'unheard' | undefined;
}

const tickMs = 500;
const everyMs = 2000;
const atOnce = 32;

interface Asked {
  target: Target;
  dueAtMs: number;
  busy: boolean;
  /** It has answered, if only that there is no news. */
  heard: boolean;
  news: TrainerNews | ServerNews | undefined;
}

class Poller implements Progress {
  readonly #ports: ProgressPorts;
  readonly #metrics: ProgressMetrics;
  /** By UID of the pod, the longest unasked first: who was asked goes to the end. */
  readonly #asked = new Map<string, Asked>();
  /** UID of a job → UID of its pod that was heard last. */
  readonly #trainers = new Map<string, string>();
  #busy = 0;
  #cancelTick = (): void => undefined;

  constructor(ports: ProgressPorts) {
    this.#ports = ports;
    this.#metrics = progressMetrics(ports.registry, () => this.#asked.size);
  }

  progress(job: string): string | undefined {
    return this.#trainerNews(job)?.progress;
  }

  checkpoint(job: string): Checkpoint | undefined {
    return this.#trainerNews(job)?.checkpoint;
  }

  loadFailure({ metadata }: Pod): ServerNews | 'unheard' | undefined {
    const { heard = false, news } = this.#asked.get(metadata.uid ?? '') ?? {};
    if (!heard) return 'unheard';
    return news?.kind === 'server' ? news : undefined;
  }

  start(): void {
    const { signal, clock } = this.#ports;
    signal.addEventListener('abort', () => this.#cancelTick(), { once: true });
    if (!signal.aborted) this.#cancelTick = clock.after(0, () => this.#tick());
  }

  #tick(): void {
    const { signal, clock, log } = this.#ports;
    if (signal.aborted) return;
    try {
      this.#follow();
      this.#pump();
    } catch (error) {
      log.error('progress tick failed', { error: sentenceOf(error) });
    }
    this.#cancelTick = clock.after(tickMs, () => this.#tick());
  }

  /** Begins with pods that came, and forgets those that went. */
  #follow(): void {
    const targets = new Map(targetsOf(this.#ports.cache, this.#ports.ports).map((target) => [target.uid, target]));
    for (const uid of this.#asked.keys()) if (!targets.has(uid)) this.#forget(uid);
    for (const [uid, target] of targets) {
      const known = this.#asked.get(uid);
      if (known === undefined) this.#asked.set(uid, { target, dueAtMs: 0, busy: false, heard: false, news: undefined });
      else known.target = target;
    }
  }

  #forget(uid: string): void {
    const asked = this.#asked.get(uid);
    this.#asked.delete(uid);
    if (asked?.news === undefined) return;
    const { root } = asked.target;
    if (this.#trainers.get(root) === uid) this.#trainers.delete(root);
  }

  #pump(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const [uid, asked] of this.#asked) {
      if (this.#busy >= atOnce) return;
      if (!asked.busy && asked.dueAtMs <= nowMs) this.#begin(uid, asked);
    }
  }

  #begin(uid: string, asked: Asked): void {
    this.#busy += 1;
    asked.busy = true;
    asked.dueAtMs = this.#ports.clock.monotonicMs() + everyMs;
    this.#asked.delete(uid);
    this.#asked.set(uid, asked);
    void this.#ask(asked).finally(() => {
      asked.busy = false;
      this.#busy -= 1;
      if (!this.#ports.signal.aborted) this.#pump();
    });
  }

  async #ask(asked: Asked): Promise<void> {
    const { kind } = asked.target;
    try {
      const { status, body } = await this.#ports.pull(asked.target.address, this.#ports.signal);
      this.#metrics.asked(kind, 'answered');
      if (kind === 'server') this.#hear(asked, parseReadiness(body));
      else if (status === 200) this.#hear(asked, parseProgress(body) ?? asked.news);
    } catch {
      // A pod that starts, or ends, does not answer: the usual case, and no news. The last it said stays.
      this.#metrics.asked(kind, 'silent');
    }
  }

  #hear(asked: Asked, news: Asked['news']): void {
    const { uid, reconciler, key, root } = asked.target;
    // Gone while it was asked.
    if (this.#asked.get(uid) !== asked) return;
    const isChanged = !asked.heard || JSON.stringify(news) !== JSON.stringify(asked.news);
    asked.news = news;
    asked.heard = true;
    if (news?.kind === 'trainer') this.#trainers.set(root, uid);
    if (isChanged) this.#ports.poke(reconciler, key);
  }

  #trainerNews(job: string): TrainerNews | undefined {
    const news = this.#asked.get(this.#trainers.get(job) ?? '')?.news;
    return news?.kind === 'trainer' ? news : undefined;
  }
}

/** Starts asking until `signal` aborts. */
export function startProgress(ports: ProgressPorts): Progress {
  const poller = new Poller(ports);
  poller.start();
  return poller;
}
