/** The main thread's end of one decoding worker: load, commands, reports, and the news of its death. */
import { entryBeside, type Isolation } from '../isolation/peer.ts';
import { SupervisedPeer, type PeerEnd } from '../isolation/supervised.ts';
import type { Signature } from '../protocol/request.ts';
import { limitAfterMs, RunLimit, type RunLimits } from '../run-limit.ts';
import type { Loaded } from '../worker-protocol.ts';
import type { DecodingCommand, DecodingOptions, DecodingReply, StepReport } from './messages.ts';

const entry = entryBeside(import.meta.url, './worker.ts', './decoding-worker.mjs');

/** What a thread tells. */
export interface ThreadEvents {
  /** An answer has left the line, and is part of each step from now on. */
  readonly onBegun: (id: number) => void;
  readonly onReport: (report: StepReport) => void;
  /** It ended unasked, or was given up since it hung. */
  readonly onDeath: (thread: DecodingThread, hung: boolean) => void;
}

/** What is known of a loaded decoder. */
export interface LoadedDecoder extends Pick<Loaded, 'provider' | 'passedOver'> {
  readonly signature: Signature;
}

/** Its session, and where it lives. */
export interface ThreadOptions extends DecodingOptions, Pick<RunLimits, 'runLimitMs'> {
  readonly isolation: Isolation;
  /** How long it may take to load, in milliseconds. */
  readonly loadLimitMs: number;
}

/** One session in one worker, many answers at a time. */
export class DecodingThread {
  readonly #peer: SupervisedPeer<DecodingCommand, DecodingReply>;
  readonly #loaded = Promise.withResolvers<LoadedDecoder>();
  readonly #events: ThreadEvents;
  readonly #steps: RunLimit;
  #steppedAt = 0;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    const { path, intraOpThreads, providers, geometry, slots, prefillTokens, isolation } = options;
    [this.#events, this.#steps] = [events, new RunLimit(options.runLimitMs)];
    this.#loaded.promise.catch(() => undefined);
    const data = { path, intraOpThreads, providers, geometry, slots, prefillTokens } satisfies DecodingOptions;
    this.#peer = new SupervisedPeer(
      { entry, data, isolation, title: path },
      { onReply: (reply) => this.#hear(reply), onEnd: (end) => this.#ended(end) },
    );
    this.#peer.expect(options.loadLimitMs);
  }

  /** Waits for the session. Throws the loader's sentence when the file is no decoder that can run. */
  load(): Promise<LoadedDecoder> {
    return this.#loaded.promise;
  }

  /** A thread that has died hears nothing. */
  send(command: DecodingCommand): void {
    this.#peer.send(command);
  }

  /** It has something to do, and tells of a step soon, or else hangs. */
  expectStep(): void {
    this.#steppedAt = performance.now();
    this.#peer.expect(this.#steps.of(1));
  }

  /** It has nothing to do. */
  expectNothing(): void {
    this.#peer.expectNothing();
  }

  /** Releases the session after the step that is running and waits for the thread's end. */
  async close(): Promise<void> {
    const ended = this.#peer.close({ kind: 'close' }, Math.max(this.#steps.of(1), limitAfterMs(0)));
    this.#peer.expectNothing();
    await ended;
  }

  #hear(reply: DecodingReply): void {
    if (reply.kind === 'stepped') {
      this.#steps.took(performance.now() - this.#steppedAt, 1);
      this.#events.onReport(reply.report);
      return;
    }
    if (reply.kind === 'begun') {
      this.#events.onBegun(reply.id);
      return;
    }
    this.#peer.expectNothing();
    if (reply.kind === 'loaded') this.#loaded.resolve(reply);
    else this.#loaded.reject(new Error(reply.message));
  }

  #ended(end: PeerEnd): void {
    const why = end === 'hung' ? 'took too long to load' : 'died while it loaded';
    this.#loaded.reject(new Error(`the decoding thread ${why}`));
    if (end !== 'closed') this.#events.onDeath(this, end === 'hung');
  }
}
