/**
 * What the gateways said last, and what follows from a new line. A gateway that is not heard makes the sum a lower
 * bound, until it cannot hold requests any more. The first snapshot of a gateway is where counting begins: its arrivals
 * lie in the past.
 */

export interface Counts {
  readonly inFlight: number;
  readonly waiting: number;
  /** Requests ever admitted by that process; it begins again with a new one. */
  readonly arrived: number;
}

/** One line of GET /demand. */
export type Line = Readonly<Record<string, Counts>>;

export interface Asked {
  readonly inFlight: number;
  readonly waiting: number;
}

/** Heard; not heard, for a moment or for long; not heard, and at its end for longer than that may take. */
export type Standing = 'heard' | 'awaited' | 'silent' | 'gone';

interface Gateway {
  heard: boolean;
  /** Undefined until its first line ever. */
  said: Map<string, Counts> | undefined;
  standing: Standing;
  /** Since when each look has found it not heard; at its end, too. */
  silentSinceMs: number | undefined;
  endingSinceMs: number | undefined;
}

/** A subscription that broke is there again sooner. */
const silentMs = 15_000;

const nothing: Asked = { inFlight: 0, waiting: 0 };
const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && Number.isFinite(value);

function countsOf(value: unknown): Counts | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { inFlight, waiting, arrived } = value as Record<string, unknown>;
  return isCount(inFlight) && isCount(waiting) && isCount(arrived) ? { inFlight, waiting, arrived } : undefined;
}

/** Parses one line; undefined when it is not one. */
export function parseLine(text: string): Line | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const services = typeof parsed === 'object' && parsed !== null && 'services' in parsed ? parsed.services : undefined;
  if (typeof services !== 'object' || services === null) return undefined;
  const entries = Object.entries(services).map(([key, value]) => [key, countsOf(value)] as const);
  const sound = entries.filter((entry): entry is readonly [string, Counts] => entry[1] !== undefined);
  return sound.length === entries.length ? Object.fromEntries(sound) : undefined;
}

export class Heard {
  readonly #gateways = new Map<string, Gateway>();

  /** Every gateway that may hold requests is heard, and there is one: who hears nobody knows nothing. */
  get complete(): boolean {
    return this.heard > 0 && this.heard === this.expected;
  }
  /** Gateways that may hold requests. */
  get expected(): number {
    return this.#count(({ standing }) => standing !== 'gone');
  }
  get heard(): number {
    return this.#count(({ heard }) => heard);
  }

  add(gateway: string): void {
    const unheard = { heard: false, said: undefined, silentSinceMs: undefined, endingSinceMs: undefined };
    this.#gateways.set(gateway, { ...unheard, standing: 'awaited' });
  }
  remove(gateway: string): void {
    this.#gateways.delete(gateway);
  }
  lost(name: string): void {
    const gateway = this.#gateways.get(name);
    if (gateway !== undefined) gateway.heard = false;
  }

  /**
   * Looks at a gateway again. `endsInMs`: its pod is at its end and takes no requests, by what the cluster says, and has
   * this long at most. What is not heard for all of that time has ended: by itself, by its kubelet, or with its node. (On
   * a node that the control plane has lost, and the operator too, it may live on; no Service leads there from elsewhere.)
   * Counted by who looks, so that a new leader comes to the same, as late as the first one. Returns what is to be told.
   */
  look(name: string, endsInMs: number | undefined, nowMs: number): Standing | undefined {
    const gateway = this.#gateways.get(name);
    if (gateway === undefined) return undefined;
    const before = gateway.standing;
    gateway.silentSinceMs = gateway.heard ? undefined : (gateway.silentSinceMs ?? nowMs);
    gateway.endingSinceMs = gateway.heard || endsInMs === undefined ? undefined : (gateway.endingSinceMs ?? nowMs);
    gateway.standing = standingOf(gateway, endsInMs, nowMs);
    const isUsual = gateway.standing === 'awaited' || (gateway.standing === 'heard' && before === 'awaited');
    return isUsual || gateway.standing === before ? undefined : gateway.standing;
  }

  /** Takes a line; `first`: the first of its connection, which leaves out nothing but zeros. Returns arrivals by service. */
  take(name: string, line: Line, first: boolean): ReadonlyMap<string, number> {
    const gateway = this.#gateways.get(name);
    if (gateway === undefined) return new Map();
    const before = gateway.said;
    const said = new Map<string, Counts>();
    const arrivals = new Map<string, number>();
    // Left out of a later line: nothing in flight, nobody waiting, as many arrivals as before.
    if (!first) for (const [key, { arrived }] of before ?? []) said.set(key, { inFlight: 0, waiting: 0, arrived });
    for (const [key, counts] of Object.entries(line)) {
      said.set(key, counts);
      const known = before?.get(key)?.arrived ?? 0;
      const since = counts.arrived >= known ? counts.arrived - known : counts.arrived;
      if (before !== undefined && since > 0) arrivals.set(key, since);
    }
    gateway.said = said;
    nowHeard(gateway);
    return arrivals;
  }

  /** Demand for one service as far as it is heard. */
  asked(key: string): Asked {
    let sum = nothing;
    for (const { heard, said } of this.#gateways.values()) {
      const counts = heard ? said?.get(key) : undefined;
      if (counts !== undefined)
        sum = { inFlight: sum.inFlight + counts.inFlight, waiting: sum.waiting + counts.waiting };
    }
    return sum;
  }

  #count(is: (gateway: Gateway) => boolean): number {
    return [...this.#gateways.values()].filter(is).length;
  }
}

/** Time begins anew, also when it is lost again before the next look. */
function nowHeard(gateway: Gateway): void {
  gateway.heard = true;
  gateway.silentSinceMs = gateway.endingSinceMs = undefined;
  if (gateway.standing === 'gone') gateway.standing = 'silent';
}

function standingOf(gateway: Gateway, endsInMs: number | undefined, nowMs: number): Standing {
  if (gateway.heard) return 'heard';
  const { silentSinceMs = nowMs, endingSinceMs = nowMs } = gateway;
  if (endsInMs !== undefined && nowMs - endingSinceMs >= endsInMs) return 'gone';
  return nowMs - silentSinceMs >= silentMs ? 'silent' : 'awaited';
}
