/**
 * What the gateways said last, and what follows from a new line. A gateway that is not heard makes the sum a lower
 * bound. The first snapshot of a gateway is where counting begins: its arrivals lie in the past.
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

interface Gateway {
  heard: boolean;
  /** Undefined until its first line ever. */
  said: Map<string, Counts> | undefined;
}

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

  /** Every gateway there is was heard, and there is one. */
  get complete(): boolean {
    return this.#gateways.size > 0 && this.heard === this.#gateways.size;
  }
  get known(): number {
    return this.#gateways.size;
  }
  get heard(): number {
    return [...this.#gateways.values()].filter((gateway) => gateway.heard).length;
  }

  add(gateway: string): void {
    this.#gateways.set(gateway, { heard: false, said: undefined });
  }
  remove(gateway: string): void {
    this.#gateways.delete(gateway);
  }
  lost(name: string): void {
    const gateway = this.#gateways.get(name);
    if (gateway !== undefined) gateway.heard = false;
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
    gateway.heard = true;
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
}
