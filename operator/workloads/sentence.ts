/** One sentence about how an attempt ended. */
import type { Attempt } from './run.ts';

/** Pod, exit code and last words, as far as they are known. */
export function sentenceOf({ message, pod, exitCode }: Pick<Attempt, 'message' | 'pod' | 'exitCode'>): string {
  const code = exitCode === undefined ? '' : ` (exit code ${String(exitCode)})`;
  return pod === undefined ? (message ?? '') : `${pod}${code}: ${message ?? ''}`;
}
