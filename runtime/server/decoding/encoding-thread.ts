/**
 * Encodes long texts beside the main thread, which would stand still for seconds: of blanks alone, which are a token for many
 * letters, a prompt may have hundreds of thousands. There is a thread while there is work, and a while longer.
 */
import { Worker } from 'node:worker_threads';
import { unavailable } from '../protocol/errors.ts';
import type { EncodingOptions, EncodingReply, EncodingTask, TokenizerBytes } from './tokenizer-bytes.ts';

/** Beside this file: as TypeScript in the repository, as a bundle in the image. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? './encoding-worker.ts' : './encoding-worker.mjs',
  import.meta.url,
);

/** How long a thread stays that has nothing to do: it takes some tenths of a second to start, and the tokenizer's memory. */
const idleMs = 60_000;

type Waiting = PromiseWithResolvers<readonly number[] | undefined>;

/** Of one tokenizer. */
export class EncodingThread {
  readonly #bytes: TokenizerBytes;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #rest: NodeJS.Timeout | undefined;
  #ids = 0;

  constructor(bytes: TokenizerBytes) {
    this.#bytes = bytes;
  }

  /** The tokens of a text, after those that were asked for before; as TextCodec says. */
  encode(text: string, options: EncodingOptions): Promise<readonly number[] | undefined> {
    clearTimeout(this.#rest);
    const worker = (this.#worker ??= this.#start());
    this.#ids += 1;
    const waiting: Waiting = Promise.withResolvers();
    this.#waiting.set(this.#ids, waiting);
    worker.postMessage({ id: this.#ids, text, options } satisfies EncodingTask);
    return waiting.promise;
  }

  #start(): Worker {
    const worker = new Worker(entry, { workerData: this.#bytes });
    // Whoever waits for tokens has a connection, which keeps the process alive.
    worker.unref();
    worker.on('message', ({ id, tokens }: EncodingReply) => {
      this.#waiting.get(id)?.resolve(tokens);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#rest = setTimeout(() => this.#retire(worker), idleMs).unref();
    });
    // Such as for want of memory; `exit` follows.
    worker.on('error', () => undefined);
    worker.once('exit', () => this.#ended(worker));
    return worker;
  }

  #retire(worker: Worker): void {
    this.#worker = undefined;
    void worker.terminate();
  }

  #ended(worker: Worker): void {
    // Nobody waits for one that has retired.
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(unavailable('the thread that encoded this text has died'));
  }
}
