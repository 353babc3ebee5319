/** What a run came to. Types alone. */
import type { Deeds, Lot } from './deeds.ts';
import type { Told } from './events.ts';
import type { Fault, FaultPlan } from './plan.ts';

/** What a run came to; the oracle compares it with that of a run without faults. */
export interface Outcome {
  readonly plan: FaultPlan;
  /** Those of its faults that came to pass. */
  readonly befell: readonly Fault[];
  /** Why it did not come to its end; undefined when it did. */
  readonly stuck?: string;
  readonly settled: readonly string[];
  /** What the operator had told people by then. */
  readonly events: readonly Told[];
  /** What it told, and the plan kept from the API server at least once. */
  readonly unheard: readonly Told[];
  /** Ends of attempts that were told again, in other words, where nobody could do so rightly. */
  readonly toldAgain?: readonly string[];
  /** Operators whose place another one took, be it that the plan did not come to pass for want of anything else; none: 0. */
  readonly replaced?: number;
  /** What is wrong with operators that ended by themselves. */
  readonly deaths?: readonly string[];
  readonly afterDeletion: readonly string[];
  readonly deeds: Deeds;
  /** Removals in vain of whoever was told that a removal had failed, and was told wrong. */
  readonly misled?: Deeds;
  readonly podsEver: number;
  /** By the UID of the root, the oldest first. */
  readonly lots: Readonly<Record<string, Lot>>;
  /** UID of a root that was to have a whole life of its own; undefined: there was none, or it began half-way. */
  readonly heir?: string;
  readonly unguardedDeletions: readonly string[];
  readonly writesAtRest: number;
  /** Milliseconds from an exchange of credentials to the next request that was let in. */
  readonly recoveredAfterMs?: number;
  readonly writes: number;
  readonly frames: ReadonlyMap<string, number>;
  readonly log: readonly string[];
  /** Every request of the operators, in order. */
  readonly requests: readonly string[];
}

/** The end of a life, before it is deleted. */
export type CameTo = Pick<Outcome, 'settled' | 'events' | 'writesAtRest' | 'heir'>;
