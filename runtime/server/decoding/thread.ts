/** The main thread's end of one decoding thread: load, commands, reports, and the news of its death. */
import { Worker } from 'node:worker_threads';
import type { Signature } from '../protocol/request.ts';
import type { DecodingCommand, DecodingOptions, DecodingReply, StepReport } from './messages.ts';

/** Beside this file: as TypeScript in the repository, as a bundle in the image. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './decoding-worker.mjs', import.meta.url);

/** What a thread tells. */
export interface ThreadEvents {
  readonly onReport: (report: StepReport) => void;
  /** It ended unasked. */
  readonly onDeath: (thread: DecodingThread) => void;
}

/** What is known of a loaded decoder. */
export interface LoadedDecoder {
  readonly signature: Signature;
  readonly provider: string;
}

/** One session in one thread, many answers at a time. */
export class DecodingThread {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #loaded: Promise<LoadedDecoder>;
  #closing = false;

  constructor(options: DecodingOptions, { onReport, onDeath }: ThreadEvents) {
    const { path, intraOpThreads, geometry, slots, prefillTokens } = options;
    const workerData = { path, intraOpThreads, geometry, slots, prefillTokens } satisfies DecodingOptions;
    this.#worker = new Worker(entry, { workerData });
    // Without a listener an uncaught error of the thread would end the process; `exit` follows and does the rest.
    this.#worker.on('error', () => undefined);
    this.#loaded = new Promise((resolve, reject) => {
      this.#worker.on('message', (reply: DecodingReply) => {
        if (reply.kind === 'stepped') onReport(reply.report);
        else if (reply.kind === 'loaded') resolve(reply);
        else reject(new Error(reply.message));
      });
      this.#worker.once('exit', () => reject(new Error('the decoding thread died while it loaded')));
    });
    this.#loaded.catch(() => undefined);
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        resolve();
        if (!this.#closing) onDeath(this);
      });
    });
  }

  /** Waits for the session. Throws the loader's sentence when the file is no decoder that can run. */
  load(): Promise<LoadedDecoder> {
    return this.#loaded;
  }

  /** A thread that has died hears nothing. */
  send(command: DecodingCommand): void {
    this.#worker.postMessage(command);
  }

  /** Releases the session after the step that is running and waits for the thread's end. */
  async close(): Promise<void> {
    this.#closing = true;
    this.send({ kind: 'close' });
    await this.#exited;
  }
}
