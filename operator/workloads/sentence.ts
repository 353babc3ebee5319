/** Sentences about how an attempt ended, and how long they may be. */
import type { Attempt } from './run.ts';

/** Pod, exit code and last words, as far as they are known. */
export function sentenceOf({ message, pod, exitCode }: Pick<Attempt, 'message' | 'pod' | 'exitCode'>): string {
  const code = exitCode === undefined ? '' : ` (exit code ${String(exitCode)})`;
  return pod === undefined ? (message ?? '') : `${pod}${code}: ${message ?? ''}`;
}

/** What the CRDs allow in attempts and in conditions; a longer text would be refused together with the whole status. */
export const longestText = { attempt: 2048, condition: 4096 } as const;

/** The beginning of a text, in whole characters. */
export const clipped = (text: string, longest: number): string =>
  text.length <= longest ? text : `${text.slice(0, longest - 1).toWellFormed()}…`;
