/**
 * How long a run may take before its worker counts as hung. Whoever deploys a model knows best; unasked, no model is ended for
 * what it has done before: the limit is far above the longest run so far, by size.
 */

/** The least of a limit that nobody asked for, in milliseconds: longer than callers and proxies wait. */
const leastMs = 300_000;

/** How many times what was measured something may take: the machine may be throttled, and of texts attention takes the square. */
const slack = 20;

/** Of what took so long before, at the same size. */
export function limitAfterMs(longestMs: number): number {
  return Math.max(leastMs, slack * longestMs);
}

/** What whoever deploys a model says of that. */
export interface RunLimits {
  /** How long a run, or a step of a language model, may take, in milliseconds; unasked, see RunLimit. */
  readonly runLimitMs?: number | undefined;
  /** A thread hangs in native code, and ends with the process alone. */
  readonly onStuckThread?: (() => void) | undefined;
}

/** Of the runs of one model. */
export class RunLimit {
  readonly #askedMs: number | undefined;
  #longestMs = 0;
  #elements = 1;

  /** `askedMs` holds as it is. */
  constructor(askedMs: number | undefined) {
    this.#askedMs = askedMs;
  }

  /** Of a run whose inputs have so many elements, in milliseconds. */
  of(elements: number): number {
    return this.#askedMs ?? limitAfterMs(this.#longestMs * Math.max(1, elements / this.#elements));
  }

  /** Notes a run that ended. */
  took(ms: number, elements: number): void {
    if (ms <= this.#longestMs) return;
    this.#longestMs = ms;
    this.#elements = Math.max(1, elements);
  }
}
