/** Batches whose end is the test's to say. */
import { Batcher, type BatcherOptions } from '../../runtime/server/batcher.ts';

/** A piece of work. */
export interface Work {
  readonly id: number;
  readonly rows: number;
  readonly key: string;
  readonly most?: number;
}

/** A turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An executor that finishes batches when told to, and remembers them. */
export class Executor {
  readonly batches: (readonly Work[])[] = [];
  readonly #gates: (() => void)[] = [];
  fails: (batch: readonly Work[]) => Error | undefined = () => undefined;

  readonly execute = async (batch: readonly Work[]): Promise<readonly number[]> => {
    this.batches.push(batch);
    await new Promise<void>((resolve) => this.#gates.push(resolve));
    const failure = this.fails(batch);
    if (failure !== undefined) throw failure;
    return batch.map(({ id }) => id);
  };

  get busy(): number {
    return this.#gates.length;
  }

  finishOne(): void {
    this.#gates.shift()?.();
  }

  async finishAll(): Promise<void> {
    for (let idle = 0; idle < 3; idle += 1) {
      if (this.busy > 0) idle = 0;
      this.finishOne();
      await turn();
    }
  }
}

/** A batcher that has nothing else to run on. */
export function batcherOver(
  executor: Executor,
  options: Partial<BatcherOptions<Work, number>> = {},
): Batcher<Work, number> {
  return new Batcher<Work, number>({
    maxBatch: 8,
    queueLimit: 1000,
    capacity: () => 1,
    execute: executor.execute,
    now: () => 0,
    after: () => () => undefined,
    ...options,
  });
}

export const one = (id: number, rest: Partial<Work> = {}): Work => ({ id, rows: 1, key: '', ...rest });
/** What ran, batch by batch. */
export const ids = (executor: Executor): number[][] => executor.batches.map((batch) => batch.map(({ id }) => id));
