/** An operator that ends by itself, and whether it may: what a kubelet would heal must not hide a bug. */
import { LeadershipLost } from '../../operator/kernel/leader.ts';
import { usualTimes } from '../../operator/kernel/lease.ts';

/** How an operator ended that nobody had ended. */
export interface Death {
  readonly error: unknown;
}

/** Whoever has just got a lease, or renewed it, keeps it until renewals have failed for so long. Less a tenth, as clocks are read late. */
const soonestMs = 900 * usualTimes.renewDeadlineSeconds;

/**
 * What is wrong with it; undefined: the machine stood still, and the lease was lost. `ledForMs`: since it began to lead;
 * undefined: it never did.
 */
export function complaintOf({ error }: Death, ledForMs: number | undefined): string | undefined {
  const hasLed = ledForMs === undefined ? 'before it led' : `after it had led for ${ledForMs.toFixed(0)} ms`;
  if (error instanceof LeadershipLost && ledForMs !== undefined && ledForMs >= soonestMs) return undefined;
  return `${hasLed}: ${String(error)}`;
}
