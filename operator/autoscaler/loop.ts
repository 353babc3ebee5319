/**
 * Hears the demand of every gateway, decides every two seconds, and at once when somebody asks for a service that has
 * no replica. Recommendations are read by the serving reconciler, which is the one author of `replicas`. Runs in the
 * leader alone.
 */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import { loopGuard, type LoopGuard } from '../kernel/loop-guard.ts';
import { keyText, type Key } from '../kernel/objects.ts';
import { Heard, parseLine } from './heard.ts';
import { autoscalerMetrics, type AutoscalerMetrics } from './metrics.ts';
import { subscribe } from './subscription.ts';
import { Watched, type ServiceScale } from './watched.ts';

export type { ServiceScale } from './watched.ts';

/** Where a gateway pod tells its demand: `http://10.0.0.7:8081`. */
export interface GatewayAddress {
  readonly name: string;
  readonly url: string;
  /** Its pod is at its end, takes no requests, and has this long at most. */
  readonly endsInMs?: number;
}

export interface Recommendation {
  readonly replicas: number;
  /** Why it came to this number, in one sentence. */
  readonly reason: string;
  /** When this number was first recommended. */
  readonly at: Date;
}

export interface AutoscalerPorts {
  /** Every ModelService; read each tick. */
  readonly services: () => readonly ServiceScale[];
  /** Every gateway pod that may hold requests, the terminating ones included; read each tick. */
  readonly gateways: () => readonly GatewayAddress[];
  /** There is a recommendation for this service, or another one. */
  readonly poke: (key: Key) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

export interface Autoscaler {
  /**
   * For the service with this UID: what was said of a deleted one is not for whoever has its name. Undefined: not known
   * yet, or not any more; whatever runs shall stay.
   */
  recommendationFor(uid: string): Recommendation | undefined;
}

const tickMs = 2000;

class Loop implements Autoscaler {
  readonly #ports: AutoscalerPorts;
  readonly #heard = new Heard();
  readonly #metrics: AutoscalerMetrics;
  readonly #guard: LoopGuard;
  readonly #watched = new Map<string, Watched>();
  /** By the UID of the service. */
  readonly #recommendations = new Map<string, Recommendation>();
  /** URL → how to stop following it. */
  readonly #following = new Map<string, () => void>();
  /** Once every gateway was heard, what is unknown later is a gap; before, it is a beginning. */
  #everComplete = false;
  #cancelTick = (): void => undefined;

  constructor(ports: AutoscalerPorts) {
    this.#ports = ports;
    this.#guard = loopGuard(ports.registry, ports.log, 'autoscaler');
    this.#metrics = autoscalerMetrics(ports.registry, this.#heard);
  }

  recommendationFor(uid: string): Recommendation | undefined {
    return this.#recommendations.get(uid);
  }

  start(): void {
    this.#ports.signal.addEventListener('abort', () => this.#stop(), { once: true });
    // Not at once: the caller may still be building what its functions read.
    if (!this.#ports.signal.aborted) this.#cancelTick = this.#ports.clock.after(0, () => this.#tick());
  }

  #stop(): void {
    this.#cancelTick();
    for (const stop of this.#following.values()) stop();
    this.#following.clear();
    this.#recommendations.clear();
  }

  #tick(): void {
    this.#guard({}, () => {
      this.#followGateways();
      this.#decideAll();
    });
    this.#cancelTick = this.#ports.clock.after(tickMs, () => this.#tick());
  }

  #followGateways(): void {
    const there = this.#ports.gateways();
    const wanted = new Set(there.map(({ url }) => url));
    const gone = [...this.#following].filter(([url]) => !wanted.has(url));
    for (const [url, stop] of gone) {
      stop();
      this.#following.delete(url);
      this.#heard.remove(url);
    }
    const added = [...wanted].filter((url) => !this.#following.has(url));
    for (const url of added) this.#follow(url);
    for (const gateway of there) this.#look(gateway);
    // What is known ends, and begins, also by what the cluster says.
    this.#everComplete ||= this.#heard.complete;
    this.#hearAll();
  }

  #look({ name, url, endsInMs }: GatewayAddress): void {
    const { clock, log } = this.#ports;
    const standing = this.#heard.look(url, endsInMs, clock.monotonicMs());
    if (standing === 'silent') log.warn('a gateway is not heard, so nothing shrinks', { gateway: name, url });
    if (standing === 'gone')
      log.warn('a gateway that is not heard has ended, and counts no more', { gateway: name, url });
    if (standing === 'heard') log.info('a gateway is heard again', { gateway: name, url });
  }

  #follow(url: string): void {
    const { clock, random, log } = this.#ports;
    this.#heard.add(url);
    const onLine = (text: string, first: boolean): void => this.#guard({ url }, () => this.#line(url, text, first));
    const onLost = (): void => {
      log.debug('gateway not heard', { url });
      this.#heard.lost(url);
      this.#hearAll();
    };
    this.#following.set(url, subscribe({ url, clock, random, onLine, onLost }));
  }

  #line(url: string, text: string, first: boolean): void {
    const line = parseLine(text);
    if (line === undefined) {
      this.#ports.log.warn('a gateway said something that is no demand', { url });
      return;
    }
    const arrivals = this.#heard.take(url, line, first);
    this.#hearAll(arrivals);
    // A line may end the beginning, for all services at once.
    if (!this.#everComplete && this.#heard.complete) {
      this.#everComplete = true;
      this.#decideAll();
    } else this.#wakeFromZero();
  }

  #hearAll(arrivals?: ReadonlyMap<string, number>): void {
    const nowMs = this.#ports.clock.monotonicMs();
    const known = this.#heard.complete;
    for (const [key, watched] of this.#watched) watched.hear(this.#heard.asked(key), known, nowMs, arrivals?.get(key));
  }

  /** Somebody asks for a service without replicas: now, not at the next tick. */
  #wakeFromZero(): void {
    const asked = [...this.#watched].filter(([, watched]) => watched.wantsToWake).map(([key]) => key);
    if (asked.length === 0) return;
    for (const scale of this.#ports.services()) if (asked.includes(keyText(scale.key))) this.#decide(scale);
  }

  #decideAll(): void {
    const seen = new Set<string>();
    for (const scale of this.#ports.services()) {
      seen.add(keyText(scale.key));
      this.#decide(scale);
    }
    for (const key of this.#watched.keys()) if (!seen.has(key)) this.#forget(key);
  }

  /** What one service fails on must not keep those after it from their replicas. */
  #decide(scale: ServiceScale): void {
    const service = keyText(scale.key);
    this.#guard({ service }, () => this.#decideOne(service, scale));
  }

  #decideOne(key: string, scale: ServiceScale): void {
    const { clock, log, poke } = this.#ports;
    const watched = this.#watch(key, scale);
    const before = watched.recommended ?? scale.currentReplicas;
    const { replicas, reason } = watched.decide(scale, clock.monotonicMs());
    // Before everyone was heard, only what does not rest on the load is worth saying.
    if (!this.#everComplete && replicas === before) return;
    // The reason of a number is the reason it came about: at rest nothing changes.
    if (this.#recommendations.get(scale.uid)?.replicas === replicas) return;
    watched.recommend(replicas);
    this.#recommendations.set(scale.uid, { replicas, reason, at: clock.now() });
    this.#metrics.recommended(scale.key, before, replicas);
    if (replicas !== before) log.info('replicas recommended', { service: key, from: before, to: replicas, reason });
    // Also where the number stays: its reason is told, and whoever is told late would write at rest.
    poke(scale.key);
  }

  #watch(key: string, { uid, key: { namespace, name } }: ServiceScale): Watched {
    const known = this.#watched.get(key);
    if (known?.uid === uid) return known;
    if (known !== undefined) this.#forget(key);
    const nowMs = this.#ports.clock.monotonicMs();
    const watched = new Watched({ namespace, name }, uid, nowMs);
    watched.hear(this.#heard.asked(key), this.#heard.complete, nowMs);
    this.#watched.set(key, watched);
    return watched;
  }

  #forget(key: string): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    this.#metrics.forget(watched.key);
    this.#watched.delete(key);
    this.#recommendations.delete(watched.uid);
  }
}

/** Starts hearing and deciding until `signal` aborts. */
export function startAutoscaler(ports: AutoscalerPorts): Autoscaler {
  const loop = new Loop(ports);
  loop.start();
  return loop;
}
