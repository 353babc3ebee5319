/**
 * Adaptive batching without a timer: work is sent at the end of the loop turn when an executor is idle and collects while
 * all are busy. One request alone therefore never waits, and under load batches grow by themselves.
 *
 * Whose turn it is, the line knows: first come, first served, but for priorities. A batch takes from its head as long as the
 * next one has the same key and fits. Work that by itself has more rows than `maxBatch` goes alone. What still waits at its
 * deadline is refused then, and never run. Nothing is ever dropped in silence: every submitted promise settles.
 */
import { Deadlines, type Timers } from './deadlines.ts';
import { levels, Line, type Standing } from './line.ts';
import { OutOfMemory } from './out-of-memory.ts';
import { abandoned, expired, Refusal } from './protocol/errors.ts';
import { Rest } from './rest.ts';
import type { RequestTrace } from './tracing/trace.ts';

/** Someone who may lose interest. An AbortSignal is one; a closed connection is another. Asked, never listened to. */
export interface Caller {
  readonly aborted: boolean;
  /** How many milliseconds more it waits, each time anew; undefined is for as long as it takes. */
  readonly patienceMs?: number | undefined;
  /** Told what becomes of the work, where somebody traces it. */
  readonly trace?: RequestTrace | undefined;
}

/** What the batcher needs to know of a piece of work. */
export interface Batchable {
  /** Only work with equal keys may be joined. */
  readonly key: string;
  /** Length of the batch axis. */
  readonly rows: number;
  /** Most rows of a batch with it, where that is fewer than `maxBatch`; equal keys have equal ones. */
  readonly most?: number;
}

/** How work stands in the line. */
export interface Terms {
  readonly level: number;
  /** When it is wanted no longer, by the batcher's clock; Infinity is never. */
  readonly deadline: number;
}

const usualTerms: Terms = { level: levels.usual, deadline: Infinity };

/** How to run and how much to hold. */
export interface BatcherOptions<T, R> extends Timers {
  /** Most rows of a joined batch. */
  readonly maxBatch: number;
  /** Most requests that may wait. */
  readonly queueLimit: number;
  /** How many batches may run at once where the next one begins with this work; asked before each dispatch, since executors come and go. */
  readonly capacity: (next: T, terms: Terms) => number;
  /** Runs a batch; one result for each piece of work, in order. */
  readonly execute: (batch: readonly T[]) => Promise<readonly R[]>;
}

interface Waiting<T, R> extends Standing, Terms {
  readonly work: T;
  readonly caller: Caller | undefined;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects work into batches. See the head of the file. */
export class Batcher<T extends Batchable, R> {
  readonly #options: BatcherOptions<T, R>;
  readonly #line = new Line<Waiting<T, R>>();
  readonly #deadlines: Deadlines;
  #running = 0;
  #scheduled = false;
  readonly #rest = new Rest(() => this.waiting === 0 && this.#running === 0);

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
    this.#deadlines = new Deadlines(options, () => this.#expire());
  }

  /** Requests that wait for an executor. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Batches being executed. */
  get running(): number {
    return this.#running;
  }

  /** Queues work and settles with its own slice of the batch's result. Refuses at once when the queue is full. */
  submit(work: T, caller?: Caller, { level, deadline }: Terms = usualTerms): Promise<R> {
    const since = this.#options.now();
    if (deadline <= since) return Promise.reject(expired());
    if (this.waiting >= this.#options.queueLimit) this.#sweep();
    if (this.waiting >= this.#options.queueLimit) {
      return Promise.reject(
        new Refusal({ kind: 'queueFull', retryAfterSeconds: 1 }, 'the queue of this model is full'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#line.push({ work, caller, since, level, deadline, resolve, reject });
      this.#deadlines.add(deadline);
      this.#schedule();
    });
  }

  /** Looks again: an executor has come back. */
  wake(): void {
    this.#schedule();
  }

  /** Rejects everything that waits. What runs settles by itself. */
  rejectWaiting(error: Error): void {
    this.#deadlines.clear();
    for (const { reject } of this.#line.remove(() => true)) reject(error);
    this.#rest.tell();
  }

  /** Resolves once nothing waits and nothing runs. Meanwhile work is taken as ever. */
  atRest(): Promise<void> {
    return this.#rest.wait();
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
    while (this.#hasRoom()) {
      const batch = this.#take();
      if (batch.length > 0) void this.#run(batch);
    }
    this.#rest.tell();
  }

  #hasRoom(): boolean {
    const next = this.#line.first;
    return next !== undefined && this.#running < this.#options.capacity(next.work, next);
  }

  /** The next batch from the head of the line; empty when only work was left that nobody wants any more. */
  #take(): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#options.now();
    let rows = 0;
    for (let next = this.#line.first; next !== undefined; next = this.#line.first) {
      const unwanted = refusalOf(next, now);
      if (unwanted !== undefined) {
        next.reject(unwanted);
      } else {
        if (!this.#joins(batch[0], rows, next.work)) break;
        batch.push(next);
        rows += next.work.rows;
      }
      this.#line.shift();
    }
    return batch;
  }

  #joins(first: Waiting<T, R> | undefined, rows: number, work: T): boolean {
    const most = Math.min(this.#options.maxBatch, work.most ?? Infinity);
    return first === undefined || (first.work.key === work.key && rows + work.rows <= most);
  }

  /** Refuses what is wanted no longer, wherever it stands. */
  #sweep(): void {
    const now = this.#options.now();
    const unwanted = this.#line.remove((waiting) => refusalOf(waiting, now) !== undefined);
    for (const waiting of unwanted) waiting.reject(refusalOf(waiting, now));
  }

  /** Refuses those whose deadline has passed; the soonest of the others. */
  #expire(): number {
    this.#sweep();
    this.#rest.tell();
    return this.#line.all.reduce((soonest, { deadline }) => Math.min(soonest, deadline), Infinity);
  }

  async #run(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.#running += 1;
    try {
      const results = await this.#options.execute(batch.map(({ work }) => work));
      settle(batch, results);
    } catch (error) {
      if (batch.length === 1 || !isOfOne(error)) for (const { reject } of batch) reject(error);
      // One bad row, or one that wants too much, must not fail its neighbours: each runs alone, and only that one is refused.
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

/** Whether a batch may have failed of one piece of work, or of how much they are together. */
function isOfOne(error: unknown): boolean {
  return error instanceof OutOfMemory || (error instanceof Refusal && error.fault.kind === 'invalid');
}

/** Why work is not to be run any more; undefined while it is wanted. */
function refusalOf<T, R>({ caller, deadline }: Waiting<T, R>, now: number): Refusal | undefined {
  if (caller?.aborted === true) return abandoned();
  return deadline <= now ? expired() : undefined;
}
