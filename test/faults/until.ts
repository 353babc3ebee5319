/** Waits for what must come to be; a look that fails is repeated like one that finds nothing. */
import { longestAwayMs } from '../../operator/kernel/deadlines.ts';

/** Longer than the operator waits for what it may not have seen, which counts from the last bookmark. */
const patienceMs = longestAwayMs + 100_000;
const lookEveryMs = 100;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Patience {
  readonly withinMs?: number;
  /** More than the usual where a look costs much. */
  readonly everyMs?: number;
}

/**
 * Rejects with what was waited for, and the last mishap. Patience is counted in looks: on a busy machine each takes
 * longer, and so does what is waited for.
 */
export async function until(what: string, look: () => Promise<boolean>, patience: Patience = {}): Promise<void> {
  const { withinMs = patienceMs, everyMs = lookEveryMs } = patience;
  let mishap = '';
  for (let left = withinMs / everyMs; left > 0; left -= 1) {
    try {
      if (await look()) return;
    } catch (error) {
      mishap = String(error);
    }
    await pause(everyMs);
  }
  throw new Error(`it never came to be: ${what}; ${mishap}`);
}

/** What is asked for, once it is had: a busy API server is asked again. To ask twice must be as good as to ask once. */
export async function had<T>(what: string, ask: () => Promise<T>): Promise<T> {
  const answers: T[] = [];
  const isAnswered = async (): Promise<boolean> => answers.push(await ask()) > 0;
  await until(what, isAnswered, { withinMs: 60_000, everyMs: 1000 });
  return answers[0]!;
}
