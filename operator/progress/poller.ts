/**
 * Asks pods how they are: every worker of a running attempt for its progress, servers that do not get ready for the
 * reason. Pods have no API rights and no port of ours is open to them, so we ask. Runs in the leader alone. However many
 * pods there are, only so many are asked at a time, each at most every two seconds. News of a training are told at most
 * every five seconds, and more seldom where many train: that bounds how often a status is written for its sake.
 */
import type { Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { Key } from '../kernel/objects.ts';
import type { Cache } from '../kernel/reconcile.ts';
import { heartbeatAfter, stallOf, type Heard, type Heartbeat, type Stall } from './heartbeat.ts';
import { progressMetrics, type ProgressMetrics } from './metrics.ts';
import { parseProgress, parseReadiness, type ServerNews, type TrainerNews } from './news.ts';
import { Mute, type Pull } from './pull.ts';
import { targetsOf, type Place, type Ports, type Target } from './targets.ts';

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
  /** What rank 0 said last, and in which attempt; undefined while nothing is known. */
  news(job: string): RunNews | undefined;
  /** Why the attempt that runs counts as hung, for as long as it does. */
  stall(job: string): Stall | undefined;
  /** Why the server in this pod is up and not ready; undefined while it loads, `unheard` until it has answered once. */
  loadFailure(pod: Pod): ServerNews | 'unheard' | undefined;
}

/** News of a training, and of which attempt. */
export type RunNews = TrainerNews & { readonly attempt: number };

const tickMs = 500;
const everyMs = 2000;
const atOnce = 32;
const toldEveryMs = 5000;
/** However many train: so many statuses are written in a second for the sake of their progress. */
const mostTellings = 20;

type News = RunNews | ServerNews;

interface Asked {
  target: Target;
  dueAtMs: number;
  busy: boolean;
  /** It has answered, if only that there is no news. */
  heard: boolean;
  /** What others are told, and since when. */
  news: News | undefined;
  toldAtMs: number;
  heartbeat: Heartbeat | undefined;
}

class Poller implements Progress {
  readonly #ports: ProgressPorts;
  readonly #metrics: ProgressMetrics;
  /** By UID of the pod, the longest unasked first: who was asked goes to the end. */
  readonly #asked = new Map<string, Asked>();
  /** UID of a job → UID of its pod that was heard last. */
  readonly #trainers = new Map<string, string>();
  /** UID of a job → why its attempt hangs. */
  #stalls: ReadonlyMap<string, Stall> = new Map();
  #busy = 0;
  #cancelTick = (): void => undefined;

  constructor(ports: ProgressPorts) {
    this.#ports = ports;
    this.#metrics = progressMetrics(ports.registry, () => this.#asked.size);
  }

  news(job: string): RunNews | undefined {
    const news = this.#asked.get(this.#trainers.get(job) ?? '')?.news;
    return news?.kind === 'trainer' ? news : undefined;
  }

  stall(job: string): Stall | undefined {
    return this.#stalls.get(job);
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
      this.#watch();
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
      if (known === undefined) this.#asked.set(uid, newlyAsked(target));
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
    const { kind, worker } = asked.target;
    try {
      const { status, body } = await this.#ports.pull(asked.target.address, this.#ports.signal);
      this.#metrics.asked(kind, 'answered');
      if (worker === undefined) this.#hear(asked, parseReadiness(body));
      else this.#hearWorker(asked, worker, status === 200 ? parseProgress(body) : undefined);
    } catch (error) {
      // A pod that starts, or ends, does not answer: the usual case, and no news. The last it said stays.
      this.#metrics.asked(kind, 'silent');
      this.#feel(asked, { kind: error instanceof Mute ? 'mute' : 'unreachable' });
    }
  }

  #hearWorker(asked: Asked, { attempt, rank }: Place, news: TrainerNews | undefined): void {
    if (news === undefined) {
      this.#feel(asked, { kind: 'unclear' });
      return;
    }
    const { phase, step } = news.training;
    this.#feel(asked, { kind: 'answer', phase, step, longestStepSeconds: news.longestStepSeconds });
    const isNewCheckpoint = asked.news?.kind === 'trainer' && asked.news.checkpoint?.step !== news.checkpoint?.step;
    if (rank === 0 && (isNewCheckpoint || this.#mayTell(asked))) this.#hear(asked, { ...news, attempt });
  }

  #feel(asked: Asked, heard: Heard): void {
    asked.heartbeat = heartbeatAfter(asked.heartbeat, heard, this.#ports.clock.monotonicMs());
  }

  #mayTell({ news, toldAtMs }: Asked): boolean {
    const pauseMs = Math.max(toldEveryMs, (1000 * this.#trainers.size) / mostTellings);
    return news === undefined || this.#ports.clock.monotonicMs() - toldAtMs >= pauseMs;
  }

  #hear(asked: Asked, news: News | undefined): void {
    const { uid, reconciler, key, root } = asked.target;
    // Gone while it was asked.
    if (this.#asked.get(uid) !== asked) return;
    const isChanged = !asked.heard || JSON.stringify(news) !== JSON.stringify(asked.news);
    asked.news = news;
    asked.heard = true;
    if (news?.kind === 'trainer') this.#trainers.set(root, uid);
    if (!isChanged) return;
    asked.toldAtMs = this.#ports.clock.monotonicMs();
    this.#ports.poke(reconciler, key);
  }

  /** Who hangs now; the reconciler hears of those that did not before. */
  #watch(): void {
    const before = this.#stalls;
    const stalled = stalledAmong([...this.#asked.values()]);
    this.#stalls = new Map(stalled.map(({ target, stall }) => [target.root, stall]));
    for (const { target } of stalled) if (!before.has(target.root)) this.#ports.poke(target.reconciler, target.key);
  }
}

const newlyAsked = (target: Target): Asked => ({
  ...{ target, dueAtMs: 0, busy: false, heard: false, news: undefined, toldAtMs: 0, heartbeat: undefined },
});

interface Stalled {
  readonly target: Target;
  readonly stall: Stall;
}

/** The attempts that hang, by what their workers have answered. */
function stalledAmong(all: readonly Asked[]): readonly Stalled[] {
  const members = all.flatMap(({ target, heartbeat }) => {
    const { worker } = target;
    return worker === undefined || heartbeat === undefined ? [] : [{ target, ...worker, heartbeat }];
  });
  const groups = Map.groupBy(members, ({ target, attempt }) => `${target.root}/${String(attempt)}`);
  return [...groups.values()].flatMap((workers) => {
    const [first] = workers;
    const stall = first && stallOf(first.attempt, workers, first.stallSeconds);
    return stall === undefined || first === undefined ? [] : [{ target: first.target, stall }];
  });
}

/** Starts asking until `signal` aborts. */
export function startProgress(ports: ProgressPorts): Progress {
  const poller = new Poller(ports);
  poller.start();
  return poller;
}
