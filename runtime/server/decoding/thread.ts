/** The main thread's end of one decoding worker: load, commands, reports, and the news of its death. */
import { startPeer, type Isolation, type Peer } from '../isolation/peer.ts';
import type { Signature } from '../protocol/request.ts';
import type { Loaded } from '../worker-protocol.ts';
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
export interface LoadedDecoder extends Pick<Loaded, 'provider' | 'passedOver'> {
  readonly signature: Signature;
}

/** Its session, and where it lives. */
export interface ThreadOptions extends DecodingOptions {
  readonly isolation: Isolation;
}

/** One session in one worker, many answers at a time. */
export class DecodingThread {
  readonly #peer: Peer<DecodingCommand>;
  readonly #exited: Promise<void>;
  readonly #loaded: Promise<LoadedDecoder>;
  #closing = false;

  constructor(options: ThreadOptions, { onReport, onDeath }: ThreadEvents) {
    const { path, intraOpThreads, providers, geometry, slots, prefillTokens, isolation } = options;
    const loaded = Promise.withResolvers<LoadedDecoder>();
    const { promise, resolve: exited } = Promise.withResolvers<void>();
    [this.#loaded, this.#exited] = [loaded.promise, promise];
    this.#loaded.catch(() => undefined);
    const data = { path, intraOpThreads, providers, geometry, slots, prefillTokens } satisfies DecodingOptions;
    this.#peer = startPeer<DecodingCommand, DecodingReply>(
      { entry, data, isolation },
      {
        onReply: (reply) => {
          if (reply.kind === 'stepped') onReport(reply.report);
          else if (reply.kind === 'loaded') loaded.resolve(reply);
          else loaded.reject(new Error(reply.message));
        },
        onEnd: () => {
          loaded.reject(new Error('the decoding thread died while it loaded'));
          exited();
          if (!this.#closing) onDeath(this);
        },
      },
    );
  }

  /** Waits for the session. Throws the loader's sentence when the file is no decoder that can run. */
  load(): Promise<LoadedDecoder> {
    return this.#loaded;
  }

  /** A thread that has died hears nothing. */
  send(command: DecodingCommand): void {
    this.#peer.send(command);
  }

  /** Releases the session after the step that is running and waits for the thread's end. */
  async close(): Promise<void> {
    this.#closing = true;
    this.send({ kind: 'close' });
    await this.#exited;
  }
}
