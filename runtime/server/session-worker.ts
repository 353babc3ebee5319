/** The main thread's end of one worker, a thread or a process: load, run, close, and the news of its death. */
import { entryBeside, type Isolation } from './isolation/peer.ts';
import { SupervisedPeer, type PeerEnd } from './isolation/supervised.ts';
import { runFailure } from './out-of-memory.ts';
import { hung, invalid, unavailable, type Refusal } from './protocol/errors.ts';
import type { RunLimit } from './run-limit.ts';
import { sum } from './sum.ts';
import type { Tensor } from './tensor.ts';
import { transferable, whole, type Command, type Loaded, type Reply, type SessionOptions } from './worker-protocol.ts';

/** The outputs of one batch, how long it waited for the one before it, and how long ONNX Runtime took for it. */
export interface Ran {
  readonly outputs: readonly Tensor[];
  readonly waitedMs: number;
  readonly computeMs: number;
}

/** Its session, and where it lives. */
export interface WorkerOptions extends SessionOptions {
  readonly isolation: Isolation;
}

/** How long it may take for what, in milliseconds. */
export interface WorkerLimits {
  /** Shared by all workers of a model. */
  readonly runs: RunLimit;
  /** For its session, and for the end of it. */
  readonly loadMs: number;
}

/** Of a worker that ended unasked, or was ended since what it did took too long. */
export type OnDeath = (worker: SessionWorker, hung: boolean) => void;

/** What is said where the worker ends instead, by itself or since it took too long. */
const ends = {
  load: { died: 'the worker died while it loaded the model', hung: 'the worker took too long to load the model' },
  run: {
    died: 'the worker that ran this request has died',
    hung: 'the model took too long for this request, or for one that it was joined with; the worker was ended',
  },
} as const;

interface Answer {
  readonly reply: Reply;
  readonly begunAt: number;
}

interface Pending {
  readonly what: keyof typeof ends;
  readonly limitMs: number;
  /** When nothing was before it any more. */
  begunAt?: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const entry = entryBeside(import.meta.url, './worker.ts', './worker.mjs');

const died = ({ what }: Pending): Refusal => unavailable(ends[what].died);

/** One session in one worker, one batch at a time. */
export class SessionWorker {
  readonly #peer: SupervisedPeer<Command, Reply>;
  readonly #limits: WorkerLimits;
  readonly #onDeath: OnDeath;
  /** The first is under way, and watched; others wait in the worker. */
  readonly #pending: Pending[] = [];

  constructor(options: WorkerOptions, limits: WorkerLimits, onDeath: OnDeath) {
    const { path, intraOpThreads, providers, isolation } = options;
    [this.#limits, this.#onDeath] = [limits, onDeath];
    const data = { path, intraOpThreads, providers } satisfies SessionOptions;
    this.#peer = new SupervisedPeer(
      { entry, data, isolation, title: path },
      { onReply: (reply) => this.#settle(reply), onEnd: (end) => this.#ended(end) },
    );
  }

  /** Waits for the session. Throws the loader's sentence when the file is no model. */
  async load(): Promise<Loaded> {
    const { reply } = await this.#nextReply('load', this.#limits.loadMs);
    if (reply.kind === 'loaded') return reply.session;
    throw new Error(reply.kind === 'failed' ? reply.message : 'the worker answered out of turn');
  }

  /** Runs one batch, after those that were asked for before; the inputs' buffers are given away. It has waited since `askedAt`. */
  async run(inputs: readonly Tensor[], outputs: readonly string[], askedAt = performance.now()): Promise<Ran> {
    if (!this.#peer.alive) throw unavailable('the worker of this model has died');
    const own = inputs.map(whole);
    const elements = sum(own.map(({ data }) => data.length));
    // Before anybody waits for the answer: what cannot be sent has none.
    this.#peer.send({ kind: 'run', inputs: own, outputs }, transferable(own));
    const { runs } = this.#limits;
    const { reply, begunAt } = await this.#nextReply('run', runs.of(elements));
    if (reply.kind === 'ran') {
      runs.took(reply.computeMs, elements);
      return { outputs: reply.outputs, computeMs: reply.computeMs, waitedMs: begunAt - askedAt };
    }
    throw reply.kind === 'failed' ? runFailure(reply.message) : invalid('out of turn');
  }

  /** Releases the session after what is running and waits for the worker's end. */
  async close(): Promise<void> {
    const ended = this.#peer.close({ kind: 'close' }, this.#limits.loadMs);
    this.#watch();
    await ended;
  }

  #nextReply(what: Pending['what'], limitMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ what, limitMs, resolve, reject });
      if (this.#pending.length === 1) this.#watch();
    });
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.shift();
    this.#watch();
    pending?.resolve({ reply, begunAt: pending.begunAt ?? 0 });
  }

  /** What is under way, from now on. */
  #watch(): void {
    const [first] = this.#pending;
    if (first === undefined) {
      this.#peer.expectNothing();
      return;
    }
    first.begunAt ??= performance.now();
    this.#peer.expect(first.limitMs);
  }

  #ended(end: PeerEnd): void {
    const [first, ...waiting] = this.#pending.splice(0);
    if (first !== undefined) first.reject(end === 'hung' ? hung(ends[first.what].hung) : died(first));
    for (const pending of waiting) pending.reject(died(pending));
    if (end !== 'closed') this.#onDeath(this, end === 'hung');
  }
}
