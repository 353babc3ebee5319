/** Pure: how long to wait after the nth failure in a row. */

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly factor: number;
  readonly capMs: number;
  /** Up to this share is added on top by chance, so that many waiters do not come back together. */
  readonly jitter: number;
}

/** Informers: patient, and spread out so that a restarted API server is not stormed. */
export const watchBackoff: BackoffPolicy = { firstMs: 800, factor: 2, capMs: 30_000, jitter: 1 };

/** Keys of a work queue: the first retry is immediate to a human, the last is a quarter of an hour away. */
export const keyBackoff: BackoffPolicy = { firstMs: 5, factor: 2, capMs: 1_000_000, jitter: 0 };

/** `failures` ≥ 1 counts the failure just seen; `chance` is in [0, 1). */
export function backoffMs(policy: BackoffPolicy, failures: number, chance: number): number {
  const exponent = Math.max(0, failures - 1);
  const base = Math.min(policy.capMs, policy.firstMs * policy.factor ** exponent);
  return base * (1 + policy.jitter * chance);
}
