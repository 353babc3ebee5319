/**
 * Adaptive batching without a timer: work is sent at the end of the loop turn when an executor is idle and collects while
 * all are busy. One request alone therefore never waits, and under load batches grow by themselves.
 *
 * Order is first come, first served: a batch takes from the head of the queue as long as the next one has the same key
 * and fits. Work that by itself has more rows than `maxBatch` goes alone. Nothing is ever dropped in silence: every
 * submitted promise settles.
 */
import { Refusal } from './protocol/errors.ts';
import type { RequestTrace } from './tracing/trace.ts';

/** Someone who may lose interest. An AbortSignal is one; a closed connection is another. Asked, never listened to. */
export interface Caller {
  readonly aborted: boolean;
  /** Told what becomes of the work, where somebody traces it. */
  readonly trace?: RequestTrace | undefined;
}

/** What the batcher needs to know of a piece of work. */
export interface Batchable {
  /** Only work with equal keys may be joined. */
  readonly key: string;
  /** Length of the batch axis. */
  readonly rows: number;
}

/** How to run and how much to hold. */
export interface BatcherOptions<T, R> {
  /** Most rows of a joined batch. */
  readonly maxBatch: number;
  /** Most requests that may wait. */
  readonly queueLimit: number;
  /** How many batches may run at once; asked before each dispatch, since executors come and go. */
  readonly capacity: () => number;
  /** Runs a batch; one result for each piece of work, in order. */
  readonly execute: (batch: readonly T[]) => Promise<readonly R[]>;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Told for each piece of work that is dispatched how long it waited. */
  readonly onDispatch?: (waitedMs: number) => void;
}

interface Waiting<T, R> {
  readonly work: T;
  readonly caller: Caller | undefined;
  readonly since: number;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects work into batches. See the head of the file. */
export class Batcher<T extends Batchable, R> {
  readonly #options: BatcherOptions<T, R>;
  #queue: Waiting<T, R>[] = [];
  /** Index of the first that waits: taking from the head of a long queue must not move the rest. */
  #head = 0;
  #running = 0;
  #scheduled = false;
  readonly #awaitingRest: (() => void)[] = [];

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
  }

  /** Requests that wait for an executor. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** Batches being executed. */
  get running(): number {
    return this.#running;
  }

  /** Queues work and settles with its own slice of the batch's result. Refuses at once when the queue is full. */
  submit(work: T, caller?: Caller): Promise<R> {
    if (this.waiting >= this.#options.queueLimit) this.#sweep();
    if (this.waiting >= this.#options.queueLimit) {
      return Promise.reject(
        new Refusal({ kind: 'queueFull', retryAfterSeconds: 1 }, 'the queue of this model is full'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ work, caller, since: this.#options.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** Looks again: an executor has come back. */
  wake(): void {
    this.#schedule();
  }

  /** Rejects everything that waits. What runs settles by itself. */
  rejectWaiting(error: Error): void {
    const queue = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const { reject } of queue) reject(error);
    this.#tellRest();
  }

  /** Resolves once nothing waits and nothing runs. Meanwhile work is taken as ever. */
  atRest(): Promise<void> {
    return new Promise((resolve) => {
      this.#awaitingRest.push(resolve);
      this.#tellRest();
    });
  }

  #tellRest(): void {
    if (this.waiting > 0 || this.#running > 0) return;
    for (const resolve of this.#awaitingRest.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After all input of this loop turn has been read: requests that arrived together travel together.
    setImmediate(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.waiting > 0 && this.#running < this.#options.capacity()) {
      const batch = this.#take();
      if (batch.length > 0) void this.#run(batch);
    }
    this.#tellRest();
  }

  /** The next batch from the head of the queue; empty when only abandoned work was left. */
  #take(): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    let rows = 0;
    for (let next = this.#queue[this.#head]; next !== undefined; next = this.#queue[this.#head]) {
      if (next.caller?.aborted === true) {
        abandon(next);
      } else {
        if (!this.#joins(batch[0], rows, next.work)) break;
        batch.push(next);
        rows += next.work.rows;
      }
      this.#head += 1;
    }
    this.#compact();
    return batch;
  }

  #joins(first: Waiting<T, R> | undefined, rows: number, work: T): boolean {
    return first === undefined || (first.work.key === work.key && rows + work.rows <= this.#options.maxBatch);
  }

  #compact(): void {
    if (this.#head === this.#queue.length) this.#queue = [];
    else if (this.#head > 1024) this.#queue = this.#queue.slice(this.#head);
    else return;
    this.#head = 0;
  }

  #sweep(): void {
    const kept: Waiting<T, R>[] = [];
    for (const waiting of this.#queue.slice(this.#head)) {
      if (waiting.caller?.aborted === true) abandon(waiting);
      else kept.push(waiting);
    }
    this.#queue = kept;
    this.#head = 0;
  }

  async #run(batch: readonly Waiting<T, R>[]): Promise<void> {
    const now = this.#options.now();
    for (const { since } of batch) this.#options.onDispatch?.(now - since);
    this.#running += 1;
    try {
      const results = await this.#options.execute(batch.map(({ work }) => work));
      settle(batch, results);
    } catch (error) {
      if (batch.length === 1 || !isDataFault(error)) for (const { reject } of batch) reject(error);
      // One bad row must not fail its neighbours: each runs alone, and only the bad one is refused.
      else for (const waiting of batch) await this.#runAlone(waiting);
    } finally {
      this.#running -= 1;
      this.#dispatch();
    }
  }

  async #runAlone(waiting: Waiting<T, R>): Promise<void> {
    try {
      settle([waiting], await this.#options.execute([waiting.work]));
    } catch (error) {
      waiting.reject(error);
    }
  }
}

function settle<T, R>(batch: readonly Waiting<T, R>[], results: readonly R[]): void {
  batch.forEach(({ resolve, reject }, index) => {
    const result = results[index];
    if (result === undefined) reject(new Error(`a batch of ${batch.length} gave ${results.length} results`));
    else resolve(result);
  });
}

function isDataFault(error: unknown): boolean {
  return error instanceof Refusal && error.fault.kind === 'invalid';
}

function abandon<T, R>({ reject }: Waiting<T, R>): void {
  reject(new Refusal({ kind: 'abandoned' }, 'the caller has gone'));
}
