/** The main thread's end of one decoding worker: load, commands, reports, and the news of its death. */
import { startPeer, type Isolation, type Peer } from '../isolation/peer.ts';
import type { Signature } from '../protocol/request.ts';
import { limitAfterMs, RunLimit, type RunLimits } from '../run-limit.ts';
import { Watchdog } from '../watchdog.ts';
import type { Loaded } from '../worker-protocol.ts';
import type { DecodingCommand, DecodingOptions, DecodingReply, StepReport } from './messages.ts';

/** Beside this file: as TypeScript in the repository, as a bundle in the image. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './decoding-worker.mjs', import.meta.url);

/** What a thread tells. */
export interface ThreadEvents {
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
  readonly #peer: Peer<DecodingCommand>;
  readonly #exited = Promise.withResolvers<void>();
  readonly #loaded = Promise.withResolvers<LoadedDecoder>();
  readonly #events: ThreadEvents;
  readonly #steps: RunLimit;
  readonly #watchdog = new Watchdog(() => this.#giveUp());
  #steppedAt = 0;
  #alive = true;
  #closing = false;

  constructor(options: ThreadOptions, events: ThreadEvents) {
    const { path, intraOpThreads, providers, geometry, slots, prefillTokens, isolation } = options;
    [this.#events, this.#steps] = [events, new RunLimit(options.runLimitMs)];
    this.#loaded.promise.catch(() => undefined);
    const data = { path, intraOpThreads, providers, geometry, slots, prefillTokens } satisfies DecodingOptions;
    this.#peer = startPeer<DecodingCommand, DecodingReply>(
      { entry, data, isolation },
      { onReply: (reply) => this.#hear(reply), onEnd: () => this.#ended(false) },
    );
    this.#watchdog.begin(options.loadLimitMs);
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
    this.#watchdog.begin(this.#steps.of(1));
  }

  /** It has nothing to do. */
  expectNothing(): void {
    this.#watchdog.end();
  }

  /** Releases the session after the step that is running and waits for the thread's end. */
  async close(): Promise<void> {
    this.#closing = true;
    this.send({ kind: 'close' });
    this.#watchdog.begin(Math.max(this.#steps.of(1), limitAfterMs(0)));
    await this.#exited.promise;
  }

  #hear(reply: DecodingReply): void {
    if (!this.#alive) return;
    if (reply.kind === 'stepped') {
      this.#steps.took(performance.now() - this.#steppedAt, 1);
      this.#events.onReport(reply.report);
      return;
    }
    this.#watchdog.end();
    if (reply.kind === 'loaded') this.#loaded.resolve(reply);
    else this.#loaded.reject(new Error(reply.message));
  }

  /** At once, and not when it has ended: a process that hangs in a driver may never. */
  #giveUp(): void {
    this.#peer.kill();
    this.#ended(true);
  }

  #ended(hung: boolean): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#watchdog.end();
    this.#loaded.reject(new Error(`the decoding thread ${hung ? 'took too long to load' : 'died while it loaded'}`));
    this.#exited.resolve();
    if (hung || !this.#closing) this.#events.onDeath(this, hung);
  }
}
