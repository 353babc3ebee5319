/** An operator that ends by itself, and whether it may: what a kubelet would heal must not hide a bug. */
import { LeadershipLost } from '../../operator/kernel/leader.ts';

/** How an operator ended that nobody had ended. */
export interface Death {
  readonly error: unknown;
}

/**
 * What is wrong with it; undefined: it led, and the lease was lost, as where the machine stands still. How soon that may be is
 * judged where each renewal is seen (leadership/): here a lease may be seconds old when it is had. `ledForMs`: since it began to
 * lead; undefined: it never did.
 */
export function complaintOf({ error }: Death, ledForMs: number | undefined): string | undefined {
  if (error instanceof LeadershipLost && ledForMs !== undefined) return undefined;
  const hasLed = ledForMs === undefined ? 'before it led' : `after it had led for ${ledForMs.toFixed(0)} ms`;
  return `${hasLed}: ${String(error)}`;
}
