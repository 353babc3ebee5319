/** What the main thread and a worker thread say to each other. Buffers move with the messages; nothing is copied. */
import type { Signature } from './protocol/request.ts';
import type { Provider } from './providers.ts';
import { type Tensor } from './tensor.ts';

/** What a worker is started with. */
export interface SessionOptions {
  /** File of the model. */
  readonly path: string;
  /** Threads of ONNX Runtime within one run. */
  readonly intraOpThreads: number;
  /** To try, in this order. */
  readonly providers: readonly Provider[];
  /** Whether it writes token by token, so that attention multiplies single rows. */
  readonly writesTokens?: boolean;
}

/** One batch to run. */
export interface RunCommand {
  readonly kind: 'run';
  readonly inputs: readonly Tensor[];
  /** Names of the outputs to fetch, in order. */
  readonly outputs: readonly string[];
}

/** To a worker. `close` releases the session; the thread then ends by itself. */
export type Command = RunCommand | { readonly kind: 'close' };

/** What is known of a loaded session. */
export interface Loaded extends Signature {
  /** Execution provider in use. */
  readonly provider: Provider;
  /** Why one that was to be tried first is not. */
  readonly passedOver?: string;
  /**
   * Whether axis 0 of every input and output is dynamic and bears one name: what batching needs, and not yet proof that
   * rows do not touch each other.
   */
  readonly batchAxis: boolean;
}

/** From a worker: first `loaded` or `failed`, then one `ran` or `failed` for each `run`. */
export type Reply =
  | { readonly kind: 'loaded'; readonly session: Loaded }
  | { readonly kind: 'ran'; readonly outputs: readonly Tensor[]; readonly computeMs: number }
  | { readonly kind: 'failed'; readonly message: string };

/** The tensor in a buffer of its own: a view, such as one row of many, would give away what belongs to others. */
export function whole(tensor: Tensor): Tensor {
  const { data } = tensor;
  return Array.isArray(data) || data.byteLength === data.buffer.byteLength ? tensor : { ...tensor, data: data.slice() };
}

/** The buffers that a message gives away: each once, and none that is shared with anything else. */
export function transferable(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors) if (!Array.isArray(data)) buffers.add(data.buffer);
  return [...buffers];
}
