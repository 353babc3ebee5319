/**
 * Asks pods how they are: every worker of a running attempt for its progress, servers that do not get ready for the
 * reason. Pods have no API rights and no port of ours is open to them, so we ask. Runs in the leader alone. However many
 * pods there are, only so many are asked a second and at a time (schedule.ts). News of a training are told at most every
 * five seconds, and more seldom where many train: that bounds how often a status is written for its sake.
 */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Pod } from '../api/kubernetes.ts';
import { loopGuard, type LoopGuard } from '../kernel/loop-guard.ts';
import { keyOf, keyText, type Key } from '../kernel/objects.ts';
import type { Cache } from '../kernel/reconcile.ts';
import { heartbeatAfter, type Heard, type Stall } from './heartbeat.ts';
import { Asked, type News, type RunNews } from './asked.ts';
import { progressMetrics, type ProgressMetrics } from './metrics.ts';
import { parseProgress, parseReadiness, type ServerNews, type TrainerNews } from './news.ts';
import { Mute, type Pull } from './pull.ts';
import { isStrange, lookEveryMs, restMs, strangersPerLook, whomToAsk, type Round } from './schedule.ts';
import { stalledAmong } from './stalls.ts';
import { Strangers } from './strangers.ts';
import { candidatesOf, stallSecondsOf, targetOf, type Place, type Ports, type Target } from './targets.ts';

/** What the poller needs of the outside. */
export interface ProgressPorts {
  readonly cache: Cache;
  readonly ports: Ports;
  readonly pull: Pull;
  /** News of this object came, or went. */
  readonly poke: (reconciler: Target['reconciler'], key: Key) => void;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
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

/** Questions of all kinds; see schedule.ts. */
const perSecond = 100;
const atOnce = 32;
/** Who was slow to answer the last time, or did not, may take seconds again; half of the places is for the others. */
const unsureAtOnce = atOnce / 2;
const slowMs = 1000;
const toldEveryMs = 5000;
/** However many train: so many statuses are written in a second for the sake of their progress. */
const mostTellings = 20;

class Poller implements Progress {
  readonly #ports: ProgressPorts;
  readonly #metrics: ProgressMetrics;
  readonly #guard: LoopGuard;
  /** By UID of the pod. */
  readonly #asked = new Map<string, Asked>();
  /** Those that do not rest: of ten thousand that have nothing to say nearly all do. */
  readonly #awake = new Set<Asked>();
  /** Rested; a few at a time are awake. */
  readonly #strangers = new Strangers<Asked>();
  /** UID of a job → UID of its pod that was heard last. */
  readonly #trainers = new Map<string, string>();
  /** UID of a job → why its attempt hangs. */
  readonly #stalls = new Map<string, Stall>();
  /** UIDs of jobs of whose workers one was heard, or went, since they were judged. */
  readonly #unjudged = new Set<string>();
  /** The pods that were looked at last, where all of them are known to be somebody's. */
  #followed: readonly Pod[] | undefined;
  #round: Round<Asked> = { ask: [], pace: { firstMs: 0, otherMs: 0 }, lateMs: 0 };
  readonly #busy = { sure: 0, unsure: 0 };
  #cancelTick = (): void => undefined;

  constructor(ports: ProgressPorts) {
    this.#ports = ports;
    this.#guard = loopGuard(ports.registry, ports.log, 'progress');
    this.#metrics = progressMetrics(ports.registry, () => ({ ...this.#round, pods: this.#asked.size }));
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
    const { signal, clock } = this.#ports;
    if (signal.aborted) return;
    this.#guard({}, () => {
      this.#follow();
      this.#admit();
      this.#plan();
      this.#pump();
      this.#watch();
    });
    this.#cancelTick = clock.after(lookEveryMs, () => this.#tick());
  }

  /** Begins with pods that came, and forgets those that went. */
  #follow(): void {
    const found = candidatesOf(this.#ports.cache);
    // At rest it is the same list as half a second ago.
    if (found === this.#followed) return;
    const candidates = new Map(found.map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const uid of this.#asked.keys()) if (!candidates.has(uid)) this.#forget(uid);
    // What is written in one pod must not keep the others from being asked.
    for (const [uid, pod] of candidates) this.#guard({ pod: keyText(keyOf(pod)) }, () => this.#followPod(uid, pod));
    this.#followed = this.#asked.size === candidates.size ? found : undefined;
  }

  #followPod(uid: string, pod: Pod): void {
    const { cache, ports, clock } = this.#ports;
    // A sandbox that was made anew, after a node had been off say, has another address and nothing of the old news.
    if (this.#asked.has(uid) && this.#asked.get(uid)?.target.address.host !== pod.status?.podIP) this.#forget(uid);
    const target = this.#asked.has(uid) ? undefined : targetOf(pod, cache, ports);
    if (target !== undefined) this.#meet(uid, new Asked(target, clock.monotonicMs()));
  }

  #meet(uid: string, asked: Asked): void {
    this.#asked.set(uid, asked);
    this.#awake.add(asked);
  }

  #forget(uid: string): void {
    const asked = this.#asked.get(uid);
    this.#asked.delete(uid);
    if (asked === undefined) return;
    this.#awake.delete(asked);
    this.#strangers.delete(asked);
    asked.cancelRest();
    const { root } = asked.target;
    this.#unjudged.add(root);
    if (this.#trainers.get(root) === uid) this.#trainers.delete(root);
  }

  #admit(): void {
    for (const asked of this.#strangers.take(strangersPerLook)) this.#awake.add(asked);
  }

  /** What the last round did not come to is weighed again. */
  #plan(): void {
    const idle = [...this.#awake].filter(({ busy }) => !busy);
    const resting = this.#asked.size - this.#awake.size;
    this.#round = whomToAsk(idle, this.#ports.clock.monotonicMs(), perSecond, resting);
  }

  #pump(): void {
    const left: Asked[] = [];
    for (const asked of this.#round.ask)
      if (this.#hasPlace(asked)) this.#begin(asked);
      else left.push(asked);
    this.#round = { ...this.#round, ask: left };
  }

  #hasPlace({ isSure }: Asked): boolean {
    const { sure, unsure } = this.#busy;
    return sure + unsure < atOnce && (isSure || unsure < unsureAtOnce);
  }

  #begin(asked: Asked): void {
    const kind = asked.isSure ? 'sure' : 'unsure';
    this.#busy[kind] += 1;
    asked.busy = true;
    asked.askedAtMs = this.#ports.clock.monotonicMs();
    void this.#ask(asked, asked.askedAtMs).finally(() => {
      asked.busy = false;
      this.#busy[kind] -= 1;
      if (!this.#ports.signal.aborted) this.#pump();
    });
  }

  async #ask(asked: Asked, atMs: number): Promise<void> {
    const { kind, worker } = asked.target;
    try {
      const { status, body } = await this.#ports.pull(asked.target.address, this.#ports.signal);
      this.#metrics.asked(kind, 'answered');
      asked.silentSinceMs = undefined;
      if (!asked.everAnswered) this.#greet(asked);
      asked.isSure = this.#ports.clock.monotonicMs() - atMs < slowMs;
      if (worker === undefined) this.#hear(asked, parseReadiness(body));
      else this.#hearWorker(asked, worker, status === 200 ? parseProgress(body) : undefined);
    } catch (error) {
      // A pod that starts, or ends, does not answer: the usual case, and no news. The last it said stays.
      this.#metrics.asked(kind, 'silent');
      this.#feel(asked, { kind: error instanceof Mute ? 'mute' : 'unreachable' });
      this.#rest(asked, atMs);
    }
  }

  /** One that was taken for a stranger has something to say after all: the others may have been cut off as it was. */
  #greet(asked: Asked): void {
    asked.everAnswered = true;
    const wasStrange = isStrange(this.#ports.clock.monotonicMs() - asked.cameAtMs);
    if (wasStrange) for (const other of this.#strangers.take()) this.#awake.add(other);
  }

  /** Who was found mute is asked on: that is what tells a process that is frozen. */
  #rest(asked: Asked, atMs: number): void {
    const nowMs = this.#ports.clock.monotonicMs();
    asked.silentSinceMs ??= atMs;
    asked.isSure = false;
    const isFrozen = asked.heartbeat?.state === 'mute';
    const rest = restMs(nowMs - asked.silentSinceMs, this.#ports.random());
    asked.restsUntilMs = isFrozen ? 0 : nowMs + rest;
    if (!isFrozen && this.#asked.get(asked.target.uid) === asked) this.#letRest(asked, rest);
  }

  #letRest(asked: Asked, forMs: number): void {
    this.#awake.delete(asked);
    const { clock } = this.#ports;
    const wake = (): void => {
      const isStranger = !asked.everAnswered && isStrange(clock.monotonicMs() - asked.cameAtMs);
      (isStranger ? this.#strangers : this.#awake).add(asked);
    };
    asked.cancelRest = clock.after(forMs, wake);
  }

  #hearWorker(asked: Asked, { attempt, rank }: Place, news: TrainerNews | undefined): void {
    if (news === undefined) {
      this.#feel(asked, { kind: 'unclear' });
      return;
    }
    const { phase, step } = news.training;
    this.#feel(asked, { kind: 'answer', phase, step, longestStepSeconds: news.longestStepSeconds });
    if (rank === 0 && this.#mayTell(asked, news)) this.#hear(asked, { ...news, attempt });
  }

  #feel(asked: Asked, heard: Heard): void {
    asked.heartbeat = heartbeatAfter(asked.heartbeat, heard, this.#ports.clock.monotonicMs());
    // Who has never answered is not judged.
    if (asked.heartbeat !== undefined) this.#unjudged.add(asked.root);
  }

  /** A newer checkpoint does not wait for its turn, as its pod may end; what all may write in a second holds for it, too. */
  #mayTell({ news: told, toldAtMs }: Asked, news: TrainerNews): boolean {
    if (told?.kind !== 'trainer') return true;
    const isNewer = (news.checkpoint?.step ?? 0) > (told.checkpoint?.step ?? 0);
    const pauseMs = Math.max(isNewer ? 0 : toldEveryMs, (1000 * this.#trainers.size) / mostTellings);
    return this.#ports.clock.monotonicMs() - toldAtMs >= pauseMs;
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
    if (this.#unjudged.size === 0) return;
    const workers = [...this.#asked.values()].filter(({ root }) => this.#unjudged.has(root));
    const stalled = stalledAmong(workers, (target) => stallSecondsOf(target, this.#ports.cache));
    const before = new Set(this.#stalls.keys());
    for (const root of this.#unjudged) this.#stalls.delete(root);
    this.#unjudged.clear();
    for (const { target, stall } of stalled) this.#stalls.set(target.root, stall);
    for (const { target } of stalled) if (!before.has(target.root)) this.#ports.poke(target.reconciler, target.key);
  }
}

/** Starts asking until `signal` aborts. */
export function startProgress(ports: ProgressPorts): Progress {
  const poller = new Poller(ports);
  poller.start();
  return poller;
}
