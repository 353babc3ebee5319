/** The main thread's end of one worker, a thread or a process: load, run, close, and the news of its death. */
import { startPeer, type Isolation, type Peer } from './isolation/peer.ts';
import { runFailure } from './out-of-memory.ts';
import { invalid, unavailable } from './protocol/errors.ts';
import type { Tensor } from './tensor.ts';
import { transferable, whole, type Command, type Loaded, type Reply, type SessionOptions } from './worker-protocol.ts';

/** The outputs of one batch and how long ONNX Runtime took for them. */
export interface Ran {
  readonly outputs: readonly Tensor[];
  readonly computeMs: number;
}

/** Its session, and where it lives. */
export interface WorkerOptions extends SessionOptions {
  readonly isolation: Isolation;
}

interface Pending {
  /** What is said where the worker ends instead. */
  readonly end: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Beside this file: as TypeScript in the repository, as a bundle in the image. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.mjs', import.meta.url);

/** One session in one worker, which runs one batch at a time, in the order in which they come. */
export class SessionWorker {
  readonly #peer: Peer<Command>;
  readonly #exited: Promise<void>;
  /** The first is being run; the others wait in the worker. */
  #pending: Pending[] = [];
  #alive = true;
  #closing = false;

  constructor({ path, intraOpThreads, providers, isolation }: WorkerOptions, onDeath: (worker: SessionWorker) => void) {
    const { promise, resolve: exited } = Promise.withResolvers<void>();
    this.#exited = promise;
    const data = { path, intraOpThreads, providers } satisfies SessionOptions;
    this.#peer = startPeer<Command, Reply>(
      { entry, data, isolation },
      {
        onReply: (reply) => this.#settle(reply),
        onEnd: () => {
          this.#alive = false;
          for (const { end, reject } of this.#pending.splice(0)) reject(unavailable(end));
          exited();
          if (!this.#closing) onDeath(this);
        },
      },
    );
  }

  /** Waits for the session. Throws the loader's sentence when the file is no model. */
  async load(): Promise<Loaded> {
    const reply = await this.#nextReply('the worker died while it loaded the model');
    if (reply.kind === 'loaded') return reply.session;
    throw new Error(reply.kind === 'failed' ? reply.message : 'the worker answered out of turn');
  }

  /** Runs one batch; the inputs' buffers are given away. Waits in the worker for the runs before it. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    if (!this.#alive) throw unavailable('the worker of this model has died');
    const own = inputs.map(whole);
    // Before anybody waits for the answer: what cannot be sent has none.
    this.#send({ kind: 'run', inputs: own, outputs }, transferable(own));
    const reply = await this.#nextReply('the worker that ran this request has died');
    if (reply.kind === 'ran') return reply;
    throw reply.kind === 'failed' ? runFailure(reply.message) : invalid('out of turn');
  }

  /** Releases the session after what is running and waits for the worker's end. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#alive) this.#send({ kind: 'close' });
    await this.#exited;
  }

  #send(command: Command, transfer: ArrayBuffer[] = []): void {
    this.#peer.send(command, transfer);
  }

  #nextReply(end: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ end, resolve, reject });
    });
  }

  #settle(reply: Reply): void {
    this.#pending.shift()?.resolve(reply);
  }
}
