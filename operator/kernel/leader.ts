/**
 * One leader at a time, by a Lease. Upstream's election promises no fencing and neither does a timer in a process that
 * may be paused: therefore mayWrite() is asked before every write and answers from two clocks, with a margin.
 */
import { sleep, type Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { ApiError, type Cluster } from './cluster.ts';
import {
  heldBy,
  leases,
  leftOf,
  missed,
  released,
  sighted,
  stepOf,
  type Lease,
  type LeaseTimes,
  type Sighting,
} from './lease.ts';
import type { Key } from './objects.ts';

/** Hears how each attempt on the lease went. */
export type LeaseCounts = (result: 'written' | 'held' | 'failed') => void;

export interface LeaderOptions {
  readonly cluster: Cluster;
  readonly key: Key;
  readonly identity: string;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly counts: LeaseCounts;
}

/** The lease is gone while we thought to hold it: the process must end at once. */
export class LeadershipLost extends Error {
  constructor() {
    super('leadership lost: the lease was not renewed in time');
    this.name = 'LeadershipLost';
  }
}

/** Share of the lease that is left unused: a write sent in its last moments would arrive after it. */
const marginShare = 0.2;
const unhurried = new AbortController().signal;
const hangToleranceMs = 20_000;

/** One time by both clocks: the monotonic one may stand still while the machine sleeps, the other one may be set. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const longAgo: Moment = { monotonicMs: -Infinity, wallMs: -Infinity };
const momentOf = (clock: Clock): Moment => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.now().getTime() });

/** Milliseconds since then by whichever clock says more: one that is wrong can end a reign, and never prolongs it. */
function ageMs(then: Moment, clock: Clock): number {
  const now = momentOf(clock);
  return Math.max(now.monotonicMs - then.monotonicMs, now.wallMs - then.wallMs);
}

export class Leader {
  readonly #options: LeaderOptions;
  #sighting: Sighting | undefined;
  /** Start of the last attempt that succeeded; long ago while we do not lead. */
  #renewedAt: Moment = longAgo;
  /** Lost or given back: what still comes of an attempt under way must not make us the leader again. */
  #isOver = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** True while a write sent now arrives before anyone else may lead. */
  mayWrite(): boolean {
    return this.writeBudgetMs() > 0;
  }

  /** What is left of the lease, the time in which a write sent now must be over; 0 when none may be sent any more. */
  writeBudgetMs(): number {
    const leaseMs = this.#options.times.leaseSeconds * 1000;
    const leftMs = leaseMs - ageMs(this.#renewedAt, this.#options.clock);
    return leftMs > leaseMs * marginShare ? leftMs : 0;
  }

  /** Milliseconds since the start of the last renewal that succeeded; undefined while we do not lead. */
  get renewalAgeMs(): number | undefined {
    return this.#renewedAt === longAgo ? undefined : ageMs(this.#renewedAt, this.#options.clock);
  }

  /** A sentence when a leader has gone on for long after its lease ran out: it hangs, and a restart would help. */
  notAlive(): string | undefined {
    const { times } = this.#options;
    const silentMs = this.renewalAgeMs ?? 0;
    const hangs = silentMs > times.leaseSeconds * 1000 + hangToleranceMs;
    return hangs ? 'the lease ran out and this process did not end' : undefined;
  }

  /**
   * Resolves true as the leader, false when `signal` aborted first. Candidates spread their tries by chance, but none
   * sleeps beyond the end of the lease that it waits for.
   */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, times, random, log, identity } = this.#options;
    while (!signal.aborted) {
      // Not aborted half-way either: a lease that was taken without our knowledge would be given back by nobody.
      if (await this.#try(unhurried)) {
        log.info('leading', { identity });
        return true;
      }
      const spreadMs = times.retrySeconds * 1000 * (1 + 1.2 * random());
      const leftMs = leftOf(this.#sighting, times.leaseSeconds, clock.monotonicMs());
      await sleep(clock, leftMs > 0 ? Math.min(spreadMs, leftMs) : spreadMs, signal);
    }
    return false;
  }

  /** Renews until `signal` aborts; rejects with LeadershipLost when the deadline passes or someone else leads. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, times } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, times.retrySeconds * 1000, signal);
      if (isOver(signal)) return;
      // Also after a pause of this process: too late is too late, even if nobody has noticed.
      if (this.#isOverdue()) throw this.#lost();
      if (!(await this.#renewInTime()) && (this.#isTaken() || this.#isOverdue())) throw this.#lost();
    }
  }

  /** False also when the deadline came first: an attempt that hangs must not keep us from ending. */
  async #renewInTime(): Promise<boolean> {
    const { clock, times } = this.#options;
    const leftMs = times.renewDeadlineSeconds * 1000 - ageMs(this.#renewedAt, clock);
    const answered = new AbortController();
    // Not aborted half-way: the version it stores is the one that release needs.
    const renewed = this.#try(unhurried).finally(() => answered.abort());
    return Promise.race([
      renewed,
      sleep(clock, leftMs, answered.signal).then(() => renewedOr(answered.signal, renewed)),
    ]);
  }

  /** Gives the lease back, so that a standby leads at its next try. Never rejects. */
  async release(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const held = this.mayWrite();
    this.#end();
    if (!held) return;
    try {
      await this.#writeReleased(signal).catch((error: unknown) => this.#releaseSeen(error, signal));
      log.info('lease released');
    } catch (error) {
      log.warn('lease not released', { error: sentenceOf(error) });
    }
  }

  async #writeReleased(signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    const lease = this.#sighting?.lease;
    if (lease !== undefined) await cluster.update(leases, leaseWith(lease, released(lease.spec, clock.now())), signal);
  }

  /** The last renewal was stored and its answer lost, or somebody has touched the lease: it may be ours all the same. */
  async #releaseSeen(error: unknown, signal: AbortSignal): Promise<void> {
    if (!isConflict(error)) throw error;
    await this.#look(signal);
    if (!this.#isOurs()) throw error;
    await this.#writeReleased(signal);
  }

  #isOverdue(): boolean {
    const { clock, times } = this.#options;
    return ageMs(this.#renewedAt, clock) >= times.renewDeadlineSeconds * 1000;
  }

  #isTaken(): boolean {
    const holder = this.#sighting?.lease?.spec.holderIdentity;
    return holder !== undefined && holder !== this.#options.identity;
  }

  /** By what was last seen of it. */
  #isOurs(): boolean {
    return this.#sighting?.lease?.spec.holderIdentity === this.#options.identity;
  }

  #lost(): LeadershipLost {
    this.#end();
    return new LeadershipLost();
  }

  #end(): void {
    this.#renewedAt = longAgo;
    this.#isOver = true;
  }

  async #try(signal: AbortSignal): Promise<boolean> {
    const started = momentOf(this.#options.clock);
    try {
      const stored = (await this.#renewUnseen(signal)) ?? (await this.#writeSeen(signal));
      this.#options.counts(stored === undefined ? 'held' : 'written');
      if (stored === undefined || this.#isOver) return false;
      this.#sighting = { lease: stored, changedAtMs: started.monotonicMs };
      this.#renewedAt = started;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.#options.counts('failed');
      this.#options.log.warn('lease not written', { error: sentenceOf(error) });
      return false;
    }
  }

  /** The usual case in one request: nobody but us has written since. Undefined: look first. */
  async #renewUnseen(signal: AbortSignal): Promise<Lease | undefined> {
    if (!this.#isOurs() || this.#sighting?.isGone === true) return undefined;
    try {
      return await this.#write(signal);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      return undefined;
    }
  }

  async #writeSeen(signal: AbortSignal): Promise<Lease | undefined> {
    await this.#look(signal);
    try {
      return await this.#write(signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Somebody was faster; who led until now must know at once whether it is another one who leads.
      await this.#look(signal);
      return undefined;
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { cluster, key, clock } = this.#options;
    try {
      const lease = await cluster.get(leases, key, signal);
      this.#sighting = sighted(lease, this.#sighting, clock.monotonicMs());
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#sighting = missed(this.#sighting, clock.monotonicMs());
    }
  }

  /** Optimistic: the version we saw must still be the one we replace. Undefined: not ours to write. */
  async #write(signal: AbortSignal): Promise<Lease | undefined> {
    const { cluster, clock, identity, key, times } = this.#options;
    if (this.#sighting === undefined) return undefined;
    const before = this.#sighting.lease;
    const spec = heldBy(identity, before?.spec, times.leaseSeconds, clock.now());
    switch (stepOf(this.#sighting, { identity, leaseSeconds: times.leaseSeconds }, clock.monotonicMs())) {
      case 'wait':
        return undefined;
      case 'create': {
        const metadata = { name: key.name, namespace: key.namespace };
        const lease = { apiVersion: leases.apiVersion, kind: leases.kind, metadata, spec };
        return leaseOf(await cluster.create(leases, lease, signal), lease);
      }
      case 'take':
      case 'renew': {
        if (before === undefined) return undefined;
        const lease = leaseWith(before, spec);
        return leaseOf(await cluster.update(leases, lease, signal), lease);
      }
    }
  }
}

const isConflict = (error: unknown): boolean => error instanceof ApiError && error.code === 'conflict';
const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.code === 'notFound';

const leaseWith = (lease: Lease, spec: Lease['spec']): Lease => ({ ...lease, spec });

/** Asleep until the answer came: take it. Asleep until the deadline: too late. */
const renewedOr = (answered: AbortSignal, renewed: Promise<boolean>): Promise<boolean> | false =>
  answered.aborted ? renewed : false;

/** A function, as the compiler does not know that time passes during an await. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;

/** What was stored is what we sent, under the version the server gave it. */
const leaseOf = (stored: { readonly metadata: Lease['metadata'] }, sent: Lease): Lease => ({
  ...sent,
  metadata: stored.metadata,
});
