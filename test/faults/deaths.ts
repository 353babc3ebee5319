/** An operator that ends by itself, and whether it may: what a kubelet would heal must not hide a bug. */
import { LeadershipLost } from '../../operator/kernel/leader.ts';

/** How an operator ended that nobody had ended. */
export interface Death {
  readonly error: unknown;
}

/**
 * What is wrong with it; undefined: it led, and the lease was lost, as where the machine stands still. How soon that may be is
 * judged where each renewal is seen (leadership/): here a lease may be seconds old when it is had.
 */
export function complaintOf({ error }: Death, hasLed: boolean): string | undefined {
  if (error instanceof LeadershipLost && hasLed) return undefined;
  return `${hasLed ? 'as the leader' : 'before it led'}: ${String(error)}`;
}
