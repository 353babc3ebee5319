/**
 * Replicas and their load → the one that takes the next request. Pure.
 * Few replicas are compared all; among many, two random ones are enough to stay near the best and cost the same
 * whatever their number. A replica whose connection just failed is avoided for a moment, and then has one trial
 * seat until it answers: a dead replica looks idle, and would otherwise attract everything.
 */
export interface Candidate {
  readonly inFlight: number;
  /** Failed connections in a row; 0 once it answered. */
  readonly failures: number;
  /** Its connection failed a moment ago. */
  readonly avoided: boolean;
}

/** Up to this many replicas are all compared. */
const fewReplicas = 8;

const hasSeat = (replica: Candidate, limit: number): boolean =>
  !replica.avoided && replica.inFlight < (replica.failures > 0 ? 1 : limit);

function leastLoaded<T extends Candidate>(replicas: readonly T[], seat: (replica: T) => boolean, start: number) {
  let best: T | undefined;
  for (let step = 0; step < replicas.length; step++) {
    const replica = replicas[(start + step) % replicas.length];
    if (replica === undefined || !seat(replica)) continue;
    if (best === undefined || replica.inFlight < best.inFlight) best = replica;
  }
  return best;
}

/** `limit`: most requests in flight on one replica. `random` in [0, 1). Undefined: nobody has a seat. */
export function choose<T extends Candidate>(
  replicas: readonly T[],
  limit: number,
  random: () => number,
): T | undefined {
  const seat = (replica: T): boolean => hasSeat(replica, limit);
  const start = Math.floor(random() * replicas.length);
  if (replicas.length <= fewReplicas) return leastLoaded(replicas, seat, start);
  const other = (start + 1 + Math.floor(random() * (replicas.length - 1))) % replicas.length;
  const pair = [replicas[start], replicas[other]].filter((replica) => replica !== undefined);
  return leastLoaded(pair, seat, 0) ?? leastLoaded(replicas, seat, start);
}

/** How long a replica is avoided after `failures` failed connections in a row: 50 ms doubling to 1 s. */
export const avoidMs = (failures: number): number => Math.min(1000, 50 * 2 ** Math.max(0, failures - 1));
