/**
 * Demand and the state of a service → how many replicas, and why. Pure.
 *
 * | situation                                   | answer                                                      |
 * |---------------------------------------------|-------------------------------------------------------------|
 * | a person pinned the number                  | that number                                                 |
 * | none run, somebody asks (or asked, and left)| ceil((waiting + in flight) / target) at once, at least one  |
 * | this revision never answered                | at least one replica, so that it can                        |
 * | idle for idleSeconds, all gateways heard    | minReplicas, also when that is zero                         |
 * | load above what the replicas are for        | enough for it, at once                                      |
 * | a gateway is not heard                      | no fewer: it may hold any number; and what is heard is a    |
 * |                                             | lower bound, for which there shall be enough all the same   |
 * | load below, over the whole stable window    | fewer, at most by half                                      |
 * | a burst within the last stable window       | no fewer                                                    |
 */

/** What the decision needs of the spec, of the cluster and of the load. */
export interface Situation {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Requests that one replica should be answering at a time. */
  readonly targetInFlight: number;
  readonly idleSeconds: number;
  readonly maxColdStartSeconds: number;
  /** `spec.replicas`: a person decides. */
  readonly pinned: number | undefined;
  /** Replicas last decided, or found. */
  readonly currentReplicas: number;
  readonly readyReplicas: number;
  /** A replica of the current revision answered a real inference. */
  readonly verified: boolean;
  readonly load: Load;
  /** When somebody last asked, or when watching began, ms. */
  readonly lastBusyAtMs: number;
  /** When the load last called for twice the ready replicas, ms. */
  readonly lastBurstAtMs: number | undefined;
}

export interface Load {
  /** False while a gateway is not heard that may hold requests: `waiting` and `inFlight` are then lower bounds. */
  readonly known: boolean;
  readonly waiting: number;
  readonly inFlight: number;
  /** Requests arrived since the last decision, also those that have ended. */
  readonly arrived: number;
  /** Mean over the stable window and its known share. */
  readonly stable: number | undefined;
  readonly stableCovered: number;
  /** Mean over the burst window, at least. */
  readonly burst: number | undefined;
  /** What was there throughout the last second, at least. */
  readonly sustained: number | undefined;
}

export interface Decision {
  readonly replicas: number;
  /** One sentence. */
  readonly reason: string;
  /** The load calls for at least twice the ready replicas. */
  readonly burst: boolean;
}

export interface Windows {
  readonly stableMs: number;
  readonly burstMs: number;
  readonly sustainedMs: number;
}

/** 60 s and 6 s, less where the service is to be idle sooner: nobody waits longer to shrink than to stop. */
export function windowsFor(idleSeconds: number): Windows {
  const stableMs = Math.min(60, Math.max(6, idleSeconds)) * 1000;
  return { stableMs, burstMs: Math.max(2000, stableMs / 10), sustainedMs: 1000 };
}

/** The share of the stable window that must be known before anything shrinks. */
const enoughCovered = 0.9;
const burstFactor = 2;

const tenths = (value: number): string => (Math.round(value * 10) / 10).toString();
const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Replicas for a load. Floating dust above a whole number is not a replica. */
const needed = (load: number | undefined, target: number): number =>
  load === undefined ? 0 : Math.ceil(load / target - 1e-9);

function fromZero(seen: Situation, floor: number): Decision {
  const { load, targetInFlight, maxReplicas } = seen;
  const asking = load.waiting + load.inFlight;
  const replicas = clamp(needed(asking, targetInFlight), Math.max(1, floor), maxReplicas);
  const reason =
    asking > 0
      ? `${several(asking, 'request')} came while there was no replica; ${targetInFlight} are meant for one`
      : 'a request came while there was no replica and gave up; the next one shall be answered';
  return { replicas, reason, burst: true };
}

/** Going to nothing waits for replicas that are still starting, as long as a request would. */
function isIdle(seen: Situation, nowMs: number): boolean {
  const starting = seen.currentReplicas > 0 && seen.readyReplicas === 0;
  const seconds = starting ? Math.max(seen.idleSeconds, seen.maxColdStartSeconds) : seen.idleSeconds;
  return seen.load.waiting + seen.load.inFlight === 0 && nowMs - seen.lastBusyAtMs >= seconds * 1000;
}

function fewer(seen: Situation, wanted: number, floor: number): Decision {
  const { currentReplicas, load } = seen;
  const replicas = Math.max(wanted, Math.floor(currentReplicas / 2), floor);
  const reason = `${tenths(load.stable ?? 0)} requests on average need ${Math.max(1, wanted)} of ${currentReplicas} replicas`;
  return { replicas, reason, burst: false };
}

const unheard = 'not every gateway is heard, so nothing shrinks';

function byLoad(seen: Situation, floor: number, nowMs: number): Decision {
  const { load, targetInFlight: target, maxReplicas, currentReplicas: current } = seen;
  const soon = Math.max(needed(load.burst, target), needed(load.sustained, target));
  const burst = soon >= burstFactor * Math.max(1, seen.readyReplicas);
  const most = Math.max(soon, needed(load.stable, target));
  const up = clamp(soon, floor, maxReplicas);
  if (up > current) {
    const highest = Math.max(load.burst ?? 0, load.sustained ?? 0);
    return {
      replicas: up,
      reason: `${tenths(highest)} requests at a time; ${target} are meant for one replica`,
      burst,
    };
  }
  if (!load.known) return { replicas: current, reason: unheard, burst };
  const wanted = clamp(Math.max(1, most), floor, maxReplicas);
  const { stableMs } = windowsFor(seen.idleSeconds);
  const calm = !burst && (seen.lastBurstAtMs === undefined || nowMs - seen.lastBurstAtMs >= stableMs);
  if (wanted < current && calm && load.stableCovered >= enoughCovered) return fewer(seen, wanted, floor);
  return { replicas: current, reason: steadyReason(wanted < current, calm, current), burst };
}

function steadyReason(couldBeFewer: boolean, calm: boolean, current: number): string {
  if (!couldBeFewer) return `the load fits ${several(current, 'replica')}`;
  return calm
    ? `the load would fit fewer than ${current} replicas, but was not watched long enough`
    : `a burst ended less than one stable window ago; ${current} replicas stay`;
}

/** How many replicas the service should have. `nowMs` is on the clock of the times in `seen`. */
export function decide(seen: Situation, nowMs: number): Decision {
  const { pinned, load, minReplicas, maxReplicas, currentReplicas: current, verified } = seen;
  // The reason outlives the pin for as long as its number stays.
  if (pinned !== undefined) return { replicas: pinned, reason: 'taken over from spec.replicas', burst: false };
  const floor = Math.max(minReplicas, verified ? 0 : 1);
  if (current === 0 && load.waiting + load.inFlight + load.arrived > 0) return fromZero(seen, floor);
  if (current < floor) {
    const reason = verified ? `minReplicas is ${minReplicas}` : 'this revision has not answered yet';
    return { replicas: floor, reason, burst: false };
  }
  if (current > maxReplicas) return { replicas: maxReplicas, reason: `maxReplicas is ${maxReplicas}`, burst: false };
  if (current === 0) return { replicas: 0, reason: 'nobody asks', burst: false };
  if (load.known && isIdle(seen, nowMs)) {
    return { replicas: floor, reason: `nobody asked for ${seen.idleSeconds} s`, burst: false };
  }
  return byLoad(seen, floor, nowMs);
}
