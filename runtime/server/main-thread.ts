/**
 * A session on the main thread, for models so small that handing a batch to another thread costs more than running it.
 *
 * A run blocks every other request of the process while it lasts, so only what was measured to be short is taken: fixed
 * shapes but for the batch axis, no more elements than were timed, and a file that opens in a few milliseconds. What was
 * measured were ones: where the values may decide how long it takes, it says nothing.
 */
import { readFile } from 'node:fs/promises';
import { createSession, type Session } from './onnx.ts';
import { runFailure } from './out-of-memory.ts';
import type { Signature } from './protocol/request.ts';
import type { Ran, WorkerOptions } from './session-worker.ts';
import { sum } from './sum.ts';
import { elementCount, elementsOf, type Tensor } from './tensor.ts';
import type { Loaded } from './worker-protocol.ts';

/** Longest run that may block the main thread: about what a trip to a worker thread and back costs under load. */
export const blockingLimitMs = 0.25;

/** Largest model, with weights beside it, that is opened on the main thread, which blocks as well: 3 to 6 ms for each MiB. */
const bytesLimit = 1 << 20;

/** Most batches of one turn: more of them gain nothing by that, and others would wait for all their answers. */
const mostAtOnce = 16;

/** What one run says of the next: short enough to follow the batches, long enough to pass over a run that was interrupted. */
const weightOfLast = 1 / 16;

/** How much longer than that runs may take, by the CPU, before no more of them block the main thread; each short one makes up for some of it. */
const patienceMs = 100;

/**
 * Operators whose inputs' values may say how much is done, by them or by those that follow; and values may be made of any input, of
 * whatever type. First those that do a graph of their own, as often as it takes.
 */
const valueDriven: ReadonlySet<string> = new Set([
  ...['Loop', 'Scan', 'If', 'SequenceMap', 'BeamSearch', 'GreedySearch', 'Sampling', 'WhisperBeamSearch'],
  ...['Range', 'ConstantOfShape', 'Expand', 'Tile', 'OneHot', 'Pad', 'CenterCropPad', 'Col2Im', 'MaxUnpool'],
  ...['Resize', 'Upsample', 'CropAndResize', 'AffineGrid', 'ImageDecoder', 'DFT', 'STFT', 'MelWeightMatrix'],
  ...['HannWindow', 'HammingWindow', 'BlackmanWindow'],
  ...['NonMaxSuppression', 'NonZero', 'Compress', 'Unique', 'StringSplit'],
]);

/** A node names its operator in field 4, a string: this byte, its length, and itself. */
const operatorField = 0x22;
const longestName = Math.max(...Array.from(valueDriven, ({ length }) => length));

/** What warming up measured of the largest batch that will be joined. */
export interface Measured {
  readonly computeMs: number;
  readonly elements: number;
}

const isShort = (measured: Measured | undefined): measured is Measured =>
  measured !== undefined && measured.computeMs <= blockingLimitMs;

const wallMs = (): number => performance.now();

/** Of the CPU: a container that was throttled, or had to wait for others, has not run for longer. A microsecond each time. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** One session that shares its thread with everything else. */
export class MainThreadSession {
  readonly #session: Session;
  #elementLimit: number;
  #overtimeMs = 0;
  /** Of late; a single long one counts as no more than the limit. */
  #usualMs = blockingLimitMs;
  /** Cheap, until it says that runs are long; then the one that knows. */
  #clock = wallMs;

  constructor(session: Session, elementLimit: number) {
    this.#session = session;
    this.#elementLimit = elementLimit;
  }

  get loaded(): Loaded {
    return this.#session.loaded;
  }

  /** Takes from now on what was measured, and whether that is short enough for this thread. */
  keepTo(measured: Measured | undefined): boolean {
    this.#elementLimit = measured?.elements ?? 0;
    this.#overtimeMs = 0;
    return isShort(measured);
  }

  /** Batches that may run in one turn: as many as together block it for no longer than a single one may. */
  get atOnce(): number {
    return Math.max(1, Math.min(mostAtOnce, Math.floor(blockingLimitMs / this.#usualMs)));
  }

  /** Whether a batch is no larger than what was measured; none any more once runs took much longer than that. */
  takes(inputs: readonly Tensor[]): boolean {
    return this.#overtimeMs <= patienceMs && elementsOf(inputs) <= this.#elementLimit;
  }

  /** Runs one batch. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    const clock = this.#clock;
    const askedAt = performance.now();
    let [begun, begunBy] = [askedAt, clock()];
    // ONNX Runtime starts in the same turn as this, right after it: what others do before is not the model's time.
    setImmediate(() => {
      [begun, begunBy] = [performance.now(), clock()];
    });
    try {
      const results = await this.#session.run(inputs, outputs);
      return { outputs: results, waitedMs: begun - askedAt, computeMs: performance.now() - begun };
    } catch (error) {
      throw runFailure(error instanceof Error ? error.message : String(error));
    } finally {
      this.#took(clock() - begunBy);
    }
  }

  /** Releases the session. */
  close(): Promise<void> {
    return this.#session.release();
  }

  #took(ms: number): void {
    this.#usualMs += (Math.min(ms, blockingLimitMs) - this.#usualMs) * weightOfLast;
    this.#overtimeMs = Math.max(0, this.#overtimeMs + ms - blockingLimitMs);
    if (this.#overtimeMs <= patienceMs || this.#clock === threadCpuMs) return;
    this.#clock = threadCpuMs;
    this.#overtimeMs = 0;
  }
}

/** Whether a file has such an operator, be it in the graph of another, or in a function. Weights that look like one are taken for it. */
function isValueDriven(file: Buffer): boolean {
  for (let at = file.indexOf(operatorField); at >= 0; at = file.indexOf(operatorField, at + 1)) {
    const [start, length = 0] = [at + 2, file[at + 1]];
    if (length <= longestName && valueDriven.has(file.toString('latin1', start, start + length))) return true;
  }
  return false;
}

/** Whether the length of an output is open, but for its rows: then the values of a request may make it. */
function hasOpenOutput({ inputs, outputs }: Signature): boolean {
  const hasRows = inputs.some(({ shape }) => shape[0] === -1);
  return outputs.some(({ shape }) => shape.some((dim, axis) => dim === -1 && !(hasRows && axis === 0)));
}

/** Largest row, in elements, of which one may be run here before anything was measured: what can be done with it is bounded by the weights. */
const untriedElements = 1 << 14;

/** Whether a row is small, and nothing but the number of rows is open. */
function isSmall({ inputs }: Signature): boolean {
  const rows = inputs.map(({ shape }) => shape.map((dim, axis) => (axis === 0 ? Math.abs(dim) : dim)));
  return rows.every((shape) => !shape.includes(-1)) && sum(rows.map(elementCount)) <= untriedElements;
}

/** What may be opened on this thread. */
export interface MainThreadOptions extends WorkerOptions {
  /** Of the model, with weights beside it. */
  readonly bytes: number;
}

/** What is known of a model's runs: what was measured, where it could be, or nothing yet, and then what is to run here is to be measured next. */
export type Known = Measured | undefined | 'untried';

/** Whether the number of rows alone says how long a run takes. */
const isBounded = (signature: Signature, known: Known): boolean =>
  !hasOpenOutput(signature) && (known !== 'untried' || isSmall(signature));

/**
 * A session on this thread, where its model is small and cannot take long by all that is known; undefined for every other, and
 * where models have processes of their own or a GPU. Throws the loader's sentence when the file is no model.
 */
export async function openOnMainThread(
  options: MainThreadOptions,
  known: Known,
): Promise<MainThreadSession | undefined> {
  const { isolation, providers, bytes, path } = options;
  if (isolation !== 'thread' || providers[0] !== 'cpu' || bytes > bytesLimit) return undefined;
  if (known !== 'untried' && !isShort(known)) return undefined;
  const file = await readFile(path);
  if (isValueDriven(file)) return undefined;
  const session = await createSession(options);
  if (isBounded(session.loaded, known))
    return new MainThreadSession(session, known === 'untried' ? Infinity : known.elements);
  await session.release();
  return undefined;
}
