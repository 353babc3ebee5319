/** One service as the autoscaler remembers it: load over time, when it was last busy, what was decided last. */
import type { Key } from '../kernel/objects.ts';
import { decide, windowsFor, type Decision, type Situation } from './decide.ts';
import type { Asked } from './heard.ts';
import { Window } from './window.ts';

/** A ModelService as the cluster has it. */
export interface ServiceScale {
  readonly key: Key;
  readonly uid: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly targetInFlight: number;
  readonly idleSeconds: number;
  readonly maxColdStartSeconds: number;
  /** `spec.replicas`; undefined leaves the number to the autoscaler. */
  readonly pinned: number | undefined;
  /** `spec.replicas` of its Deployment; 0 where there is none yet. */
  readonly currentReplicas: number;
  readonly readyReplicas: number;
  /** The current revision is the verified one. */
  readonly verified: boolean;
}

export class Watched {
  readonly key: Key;
  readonly uid: string;
  /** Load, while every gateway is heard that may hold requests; and what is heard, which is as much at least. */
  readonly #window: Window;
  readonly #least: Window;
  #asked: Asked = { inFlight: 0, waiting: 0 };
  #known = false;
  #everKnown = false;
  #arrived = 0;
  #busyAtMs: number;
  #burstAtMs: number | undefined;
  /** The number last recommended: it is ahead of what the cache shows. */
  #replicas: number | undefined;
  /** The number it stood at when it was last decided. */
  #found: number | undefined;

  constructor(key: Key, uid: string, nowMs: number) {
    this.key = key;
    this.uid = uid;
    this.#window = new Window(nowMs);
    this.#least = new Window(nowMs);
    this.#busyAtMs = nowMs;
  }

  get recommended(): number | undefined {
    return this.#replicas;
  }

  /** Somebody asks, and as far as is known nothing runs. */
  get wantsToWake(): boolean {
    return this.#found === 0 && this.#load + this.#arrived > 0;
  }

  /** What the gateways say now; `arrived`: new arrivals among it, also of requests that have ended. */
  hear(asked: Asked, known: boolean, nowMs: number, arrived = 0): void {
    const load = asked.inFlight + asked.waiting;
    // Idleness begins where the last request ended, and never before the gateways were heard for the first time.
    if (load > 0 || arrived > 0 || this.#load > 0 || (known && !this.#everKnown)) this.#busyAtMs = nowMs;
    this.#everKnown ||= known;
    this.#asked = asked;
    this.#known = known;
    this.#arrived += arrived;
    this.#window.observe(known ? load : undefined, nowMs);
    this.#least.observe(load, nowMs);
  }

  /** Decides and remembers. */
  decide(scale: ServiceScale, nowMs: number): Decision {
    const decision = decide(this.#situation(scale, nowMs), nowMs);
    this.#arrived = 0;
    this.#found = decision.replicas;
    if (!scale.verified) this.#busyAtMs = nowMs;
    if (decision.burst) this.#burstAtMs = nowMs;
    return decision;
  }

  recommend(replicas: number): void {
    this.#replicas = replicas;
  }

  get #load(): number {
    return this.#asked.inFlight + this.#asked.waiting;
  }

  #situation(scale: ServiceScale, nowMs: number): Situation {
    const { stableMs, burstMs, sustainedMs } = windowsFor(scale.idleSeconds);
    const stable = this.#window.average(stableMs, nowMs);
    return {
      ...scale,
      currentReplicas: this.#replicas ?? scale.currentReplicas,
      load: {
        ...this.#asked,
        known: this.#known,
        arrived: this.#arrived,
        stable: stable.mean,
        stableCovered: stable.covered,
        burst: greater(this.#window.average(burstMs, nowMs).mean, this.#least.average(burstMs, nowMs).mean),
        sustained: this.#least.sustained(sustainedMs, nowMs),
      },
      lastBusyAtMs: this.#load > 0 ? nowMs : this.#busyAtMs,
      lastBurstAtMs: this.#burstAtMs,
    };
  }
}

const greater = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
