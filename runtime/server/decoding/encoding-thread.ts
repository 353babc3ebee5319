/**
 * Encodes long texts beside the main thread, which would stand still for seconds: of blanks alone, which are a token for many
 * letters, a prompt may have hundreds of thousands. There is a thread while there is work, and a while longer. What takes seconds
 * or minutes has one of its own, so that nobody else waits for it, and is ended when nobody waits for it any more.
 */
import { entryBeside } from '../isolation/peer.ts';
import { SupervisedPeer, type PeerEnd } from '../isolation/supervised.ts';
import { hung, unavailable } from '../protocol/errors.ts';
import { limitAfterMs } from '../run-limit.ts';
import type { EncodingReply, EncodingTask, TokenizerBytes } from './tokenizer-bytes.ts';

const entry = entryBeside(import.meta.url, './encoding-worker.ts', './encoding-worker.mjs');

/** How long a thread stays that has nothing to do: it takes some tenths of a second to start, and the tokenizer's memory. */
const idleMs = 60_000;

/** Texts of more letters may take seconds, and up to minutes. */
const quickLetters = 1 << 16;

/** Most threads of one tokenizer. */
export const encodingThreads = 2;

/** How often is looked whether anybody still waits for the text that is being encoded. */
const lookMs = 250;

type Tokens = readonly number[] | undefined;

interface Waiting extends Omit<PromiseWithResolvers<Tokens>, 'promise'> {
  readonly task: EncodingTask;
  readonly goesOn: () => void;
}

/** Of one tokenizer. */
export class EncodingThread {
  readonly #quick: Lane;
  readonly #slow: Lane;

  constructor(bytes: TokenizerBytes) {
    [this.#quick, this.#slow] = [new Lane(bytes), new Lane(bytes)];
  }

  /**
   * The tokens of a text, after those of about its length that were asked for before; as TextCodec says. `goesOn` throws when nobody
   * waits for them any more.
   */
  encode(task: EncodingTask, goesOn: () => void): Promise<Tokens> {
    return (task.text.length > quickLetters ? this.#slow : this.#quick).encode(task, goesOn);
  }

  /** Ends with its model, in the middle of whatever it does. */
  async close(): Promise<void> {
    await Promise.all([this.#quick.close(), this.#slow.close()]);
  }
}

/** One text after another, in one thread. */
class Lane {
  readonly #bytes: TokenizerBytes;
  /** The first is being encoded. The others wait here, where they are passed over once nobody wants them any more. */
  readonly #line: Waiting[] = [];
  #peer: SupervisedPeer<EncodingTask, EncodingReply> | undefined;
  #rest: NodeJS.Timeout | undefined;
  #looks: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(bytes: TokenizerBytes) {
    this.#bytes = bytes;
  }

  encode(task: EncodingTask, goesOn: () => void): Promise<Tokens> {
    if (this.#closed) return Promise.reject(unavailable('the model has been unloaded'));
    const { promise, ...settle } = Promise.withResolvers<Tokens>();
    this.#line.push({ task, goesOn, ...settle });
    if (this.#line.length === 1) this.#next();
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#line.splice(0)) reject(unavailable('the model has been unloaded'));
    await this.#retire();
  }

  /** Begins with the first that somebody waits for. */
  #next(): void {
    clearTimeout(this.#rest);
    for (let [first] = this.#line; first !== undefined; [first] = this.#line) {
      try {
        first.goesOn();
        this.#begin(first.task);
        return;
      } catch (error) {
        this.#line.shift();
        first.reject(error);
      }
    }
    if (this.#peer !== undefined) this.#rest = setTimeout(() => void this.#retire(), idleMs).unref();
  }

  #begin(task: EncodingTask): void {
    this.#peer ??= this.#start();
    this.#peer.send(task);
    this.#looks = setInterval(() => this.#look(), lookMs).unref();
    // Two million letters took 24 s: what takes minutes does not end.
    this.#peer.expect(limitAfterMs(0));
  }

  /** What it is at may take minutes, in which others wait. */
  #look(): void {
    try {
      this.#line[0]?.goesOn();
    } catch (error) {
      this.#line.shift()?.reject(error);
      void this.#retire();
      this.#next();
    }
  }

  #start(): SupervisedPeer<EncodingTask, EncodingReply> {
    const peer = new SupervisedPeer<EncodingTask, EncodingReply>(
      { entry, data: this.#bytes, isolation: 'thread', killable: true },
      {
        // One that was ended may have said something before it heard of that.
        onReply: (reply) => (peer === this.#peer ? this.#hear(reply) : undefined),
        onEnd: (end) => this.#ended(end),
      },
    );
    return peer;
  }

  #hear(reply: EncodingReply): void {
    clearInterval(this.#looks);
    this.#peer?.expectNothing();
    const first = this.#line.shift();
    if (reply.kind === 'encoded') first?.resolve(reply.tokens);
    else first?.reject(new Error(reply.message));
    this.#next();
  }

  async #retire(): Promise<void> {
    clearTimeout(this.#rest);
    clearInterval(this.#looks);
    const peer = this.#peer;
    this.#peer = undefined;
    await peer?.kill();
  }

  /** Only the text that it was at goes with it. */
  #ended(end: PeerEnd): void {
    if (end === 'closed') return;
    clearInterval(this.#looks);
    this.#peer = undefined;
    const why = `the thread that encoded this text ${end === 'hung' ? 'took too long, and was ended' : 'has died'}`;
    this.#line.shift()?.reject(end === 'hung' ? hung(why) : unavailable(why));
    this.#next();
  }
}
