/** Where a run stands and what is to be done about it. Types alone. */
import type { TrainerSuccess } from '../api/trainer-contract.ts';
import type { Reason } from '../api/vocabulary.ts';
import type { ObjectRef } from '../kernel/cluster.ts';
import type { Proviso } from '../kernel/proviso.ts';
import type { Child, Next } from '../kernel/reconcile.ts';
import type { Attempt } from './run.ts';

/** Where a run stands. */
export type RunState =
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string }
  | { readonly kind: 'waiting'; readonly reason: Reason; readonly message: string }
  | { readonly kind: 'suspended'; readonly message: string }
  | { readonly kind: 'queued'; readonly message: string }
  | { readonly kind: 'starting'; readonly reason: Reason; readonly message: string }
  /** `reason`: where it takes a person. */
  | { readonly kind: 'running'; readonly reason?: Reason; readonly message: string }
  | { readonly kind: 'restarting'; readonly reason: Reason; readonly message: string }
  | { readonly kind: 'succeeded'; readonly result: TrainerSuccess }
  | { readonly kind: 'failed'; readonly reason: Reason; readonly message: string };

export interface RunPlan {
  readonly provided?: readonly Proviso[];
  readonly state: RunState;
  readonly attempts: readonly Attempt[];
  readonly apply: readonly Child[];
  readonly remove: readonly ObjectRef[];
  readonly next: Next;
  /** The attempt that starts is recorded once its Job is seen, and nothing before. */
  readonly statusWaits?: true | undefined;
}
