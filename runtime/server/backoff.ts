/** How long to wait before trying again. */
import type { NotReadyReason } from './repository.ts';

/** Full jitter in the upper half: from baseMs, doubled each attempt, to maxMs. `attempt` counts from 1; `random` is in [0, 1). */
export function retryDelayMs(attempt: number, random: number, { baseMs = 500, maxMs = 30_000 } = {}): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling * (0.5 + random / 2));
}

/** Loads of what may appear by itself are tried again quickly; what needs a person is looked at again now and then. */
export function loadDelayMs(reason: NotReadyReason, attempt: number, random: number): number {
  const quick = reason === 'ArtefactMissing' || reason === 'StoreUnavailable';
  return quick ? retryDelayMs(attempt, random) : 60_000;
}
