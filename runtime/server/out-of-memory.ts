/** Runs for which ONNX Runtime found no memory, and whose mistake that is. */
import { invalid, Refusal } from './protocol/errors.ts';

/** Its allocators' words on a CPU and on a GPU, those of C++, and Node's for the copy of an output. */
const words =
  /Failed to allocate memory|bad_alloc|bad allocation|out of memory|ALLOC_FAILED|Array buffer allocation failed/;

/** Not now: others have the memory that a run lacked, unless it is found to be more than there is. */
export class OutOfMemory extends Refusal {
  /** Of the buffer that was refused; undefined where nobody says. */
  readonly bytes: number | undefined;

  constructor(bytes: number | undefined) {
    const buffer = bytes === undefined ? '' : ` for a buffer of ${bytes} bytes`;
    super({ kind: 'unavailable', retryAfterSeconds: 1 }, `the model found no memory${buffer}`);
    this.bytes = bytes;
  }
}

/** What a run that failed is to its caller: of most failures the input is the reason. */
export function runFailure(message: string): Refusal {
  if (!words.test(message)) return invalid(`the model failed on this input: ${message}`);
  const [, bytes] = /buffer of size (\d+)/.exec(message) ?? [];
  return new OutOfMemory(bytes === undefined ? undefined : Number(bytes));
}

/**
 * A single buffer beyond the limit of the whole process can be had at no time: its caller asks for too much, and asking again
 * is in vain. A smaller one, or one of which nobody says how large it was, may be there a moment later. (How much a GPU has is not
 * known; what is too large for it alone counts as the latter.)
 */
export function blamed(error: unknown, limitBytes: number): unknown {
  if (!(error instanceof OutOfMemory) || (error.bytes ?? 0) <= limitBytes) return error;
  return invalid(`the model needs a buffer of ${error.bytes} bytes for this input; the memory limit is ${limitBytes}`);
}
