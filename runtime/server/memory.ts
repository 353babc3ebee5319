/**
 * The memory of the process, which all models share: what each has of it, and what is left for the next. What a load needs is
 * set aside before it begins, so that no two count on the same bytes. What lacks only what loads under way may give back waits
 * for them; and nobody takes more than it needs while others that have come at the same time might be left with nothing.
 */
import {
  bytesOf,
  faultOf,
  fitting,
  holdingOf,
  nothing,
  roomOf,
  type Demand,
  type Free,
  type Holding,
  type Taken,
} from './demand.ts';
import { sum } from './sum.ts';

/** Who has memory, as far as it matters here. */
export interface Tenant {
  readonly name: string;
  /** Whether nobody uses it. */
  readonly idle: boolean;
  /** Whether it ends once it has answered all that it was given. */
  readonly retiring: boolean;
}

/** How a model comes. */
export interface Arrival {
  /** Those that leave once it answers. */
  readonly replaced: readonly Tenant[];
  /** Whether others that nobody uses may leave for it. */
  readonly mayEvict: boolean;
}

/** Sessions or slots for a load, or why it has none. */
export type Claimed =
  | { readonly ok: true; readonly count: number }
  | {
      readonly ok: false;
      readonly message: string;
      /** Others have what it lacks: alone it would fit. */
      readonly crowded: boolean;
    };

interface Waiting {
  readonly demand: Demand;
  readonly settle: (claimed: Claimed) => void;
}

/** A model's part of the memory, from the begin of a load to the end of the model. */
export class MemoryShare {
  readonly tenant: Tenant;
  readonly arrival: Arrival;
  /** What its load will take at least, as far as that is known before. */
  readonly expectedBytes: number;
  /** Undefined until it is known what it needs. */
  holding: Holding | undefined;
  waiting: Waiting | undefined;

  constructor(tenant: Tenant, expectedBytes: number, arrival: Arrival) {
    this.tenant = tenant;
    this.expectedBytes = expectedBytes;
    this.arrival = arrival;
  }

  /** Bytes that it has. */
  get bytes(): number {
    return bytesOf(this.holding ?? nothing);
  }

  /** Bytes that it may not do without, and has not been given yet. */
  get toComeBytes(): number {
    if (this.waiting === undefined) return this.holding === undefined ? this.expectedBytes : 0;
    return bytesOf(holdingOf(this.waiting.demand, this.waiting.demand.least));
  }

  /** Whether it is being loaded: half of what that takes comes back. */
  get isLoading(): boolean {
    return this.holding !== undefined && this.holding.loadingBytes > 0;
  }

  /** Whether it is not known yet what it needs. */
  get isUnknown(): boolean {
    return this.holding === undefined && this.waiting === undefined;
  }
}

/** Whether another one will be gone once a model answers. */
function isReplaced({ tenant }: MemoryShare, name: string, { replaced }: Arrival): boolean {
  return replaced.includes(tenant) || (tenant.retiring && tenant.name === name);
}

/**
 * What another one has while a model is loaded. Of one that it replaces the weights alone count: keys and values of the two are
 * hardly ever filled at the same time, and counted twice they would leave a successor fewer slots than its predecessor.
 */
function nowBytes(other: MemoryShare, name: string, arrival: Arrival): number {
  const keyValueBytes = other.holding?.keyValueBytes ?? 0;
  return other.bytes - (isReplaced(other, name, arrival) ? keyValueBytes : 0);
}

/** What it will have once the model answers. */
function laterBytes(other: MemoryShare, name: string, arrival: Arrival): number {
  const { tenant } = other;
  const mayLeave = arrival.mayEvict && tenant.idle && tenant.name !== name;
  return mayLeave || isReplaced(other, name, arrival) ? 0 : other.bytes;
}

/** Lives as long as the engine. */
export class Memory {
  readonly #limitBytes: number;
  /** Of it, what the bodies of requests may take, for which keys and values leave room: these are filled by requests alone. */
  readonly #bodiesBytes: number;
  /** In the order in which they came. */
  readonly #shares = new Set<MemoryShare>();

  constructor(limitBytes: number, bodiesBytes = 0) {
    [this.#limitBytes, this.#bodiesBytes] = [limitBytes, bodiesBytes];
  }

  /** A load begins. */
  enter(tenant: Tenant, expectedBytes: number, arrival: Arrival): MemoryShare {
    const share = new MemoryShare(tenant, expectedBytes, arrival);
    this.#shares.add(share);
    return share;
  }

  /** Sets aside what a load needs, in the place of what its share had; resolves when that is decided. */
  claim(share: MemoryShare, demand: Demand, signal: AbortSignal): Promise<Claimed> {
    return new Promise((resolve) => {
      const giveUp = (): void => settle({ ok: false, message: 'the load was given up', crowded: false });
      const settle = (claimed: Claimed): void => {
        signal.removeEventListener('abort', giveUp);
        share.waiting = undefined;
        share.holding = claimed.ok ? holdingOf(demand, claimed.count) : nothing;
        resolve(claimed);
        this.#review();
      };
      share.holding = undefined;
      share.waiting = { demand, settle };
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      else this.#review();
    });
  }

  /** The load is over: what it took beside the model comes back. */
  loaded(share: MemoryShare): void {
    share.holding = { ...(share.holding ?? nothing), loadingBytes: 0 };
    this.#review();
  }

  /** The load has failed, or the model has ended. */
  leave(share: MemoryShare): void {
    share.holding = nothing;
    this.#shares.delete(share);
    this.#review();
  }

  /**
   * How many more bytes must be free so that models of one name can be loaded, which will take `expectedBytes`; or, once they
   * are, so that they may stay. Not more than 0 where it cannot be helped: then the load itself is refused.
   */
  lacking(newcomers: readonly Tenant[], expectedBytes: number, arrival: Arrival): number {
    const name = newcomers[0]?.name ?? '';
    const all = [...this.#shares];
    const others = all.filter(({ tenant }) => !newcomers.includes(tenant));
    const room = roomOf(this.#limitBytes);
    if (others.length < all.length) {
      const stays = { ...arrival, mayEvict: false };
      const own = all.filter((share) => !others.includes(share)).map(({ bytes }) => bytes);
      return sum([...own, ...others.map((other) => laterBytes(other, name, stays))]) - room;
    }
    if (expectedBytes > room) return 0;
    return expectedBytes + sum(others.map((other) => nowBytes(other, name, arrival))) - room;
  }

  /** Decides on those that wait, one after the other, as far as it can be decided. */
  #review(): void {
    for (const share of this.#shares) {
      const claimed = share.waiting && this.#decide(share, share.waiting.demand);
      if (claimed === undefined) continue;
      // Looks again at those before it, for which something may have changed.
      share.waiting?.settle(claimed);
      return;
    }
  }

  /** Undefined while it must wait for others. */
  #decide(share: MemoryShare, demand: Demand): Claimed | undefined {
    const { least, most } = demand;
    const others = [...this.#shares].filter((other) => other !== share);
    const free = this.#free(share);
    // Only what may do with less leaves room for others.
    const isModest = least < most;
    const kept = isModest ? sum(others.map(({ toComeBytes }) => toComeBytes)) : 0;
    const count = fitting(demand, { now: free.now - kept, later: free.later - kept });
    if (count >= most) return { ok: true, count };
    if (others.some(({ isLoading, isUnknown }) => isLoading || (isModest && isUnknown))) return undefined;
    if (count >= least) return { ok: true, count };
    if (fitting(demand, free) >= least) return { ok: true, count: least };
    return this.#refused(share, demand);
  }

  #free(share: MemoryShare): Free {
    const room = roomOf(this.#limitBytes);
    const { now, later } = this.#takenBeside(share);
    const laterRoom = room - this.#bodiesBytes;
    return { now: room - sum(now.map(({ bytes }) => bytes)), later: laterRoom - sum(later.map(({ bytes }) => bytes)) };
  }

  #takenBeside(share: MemoryShare): { readonly now: readonly Taken[]; readonly later: readonly Taken[] } {
    const { arrival } = share;
    const { name } = share.tenant;
    const others = [...this.#shares].filter((other) => other !== share);
    const taken = (bytes: typeof nowBytes): readonly Taken[] =>
      others.map((other) => ({ name: other.tenant.name, bytes: bytes(other, name, arrival) }));
    return { now: taken(nowBytes), later: taken(laterBytes) };
  }

  #refused(share: MemoryShare, demand: Demand): Claimed {
    const room = roomOf(this.#limitBytes);
    const [limitBytes, bodiesBytes] = [this.#limitBytes, this.#bodiesBytes];
    const message = faultOf(demand, { limitBytes, bodiesBytes, ...this.#takenBeside(share) });
    const alone = { now: room, later: room - bodiesBytes };
    return { ok: false, message, crowded: fitting(demand, alone) >= demand.least };
  }
}
