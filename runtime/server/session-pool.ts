/** The sessions of one model, each in a worker of its own: acquire, release, and replacement of the dead. */
import { limitAfterMs, RunLimit, type RunLimits } from './run-limit.ts';
import { SessionWorker, type WorkerOptions } from './session-worker.ts';
import type { Loaded } from './worker-protocol.ts';

/** What a pool tells and needs. */
export interface PoolOptions extends WorkerOptions, Pick<RunLimits, 'runLimitMs'> {
  readonly instances: number;
  /** A worker died unasked, or was given up since it hung; `live` are left. */
  readonly onDeath: (live: number, hung: boolean) => void;
  /** A replacement is up. */
  readonly onRevival: () => void;
  /** How long to wait before the n-th attempt in a row to replace a dead worker, in milliseconds. */
  readonly restartDelayMs: (attempt: number) => number;
}

/** `instances` workers over one model file. */
export class SessionPool {
  readonly #options: PoolOptions;
  /** Nobody knows how long a model takes to load, until it was. */
  readonly #limits: { readonly runs: RunLimit; loadMs: number };
  /** Each with how often it has been acquired. */
  readonly #live = new Map<SessionWorker, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Replacements that are being loaded: a process must not end while a session is made. */
  readonly #coming = new Set<Promise<void>>();
  #starting: Promise<Loaded> | undefined;
  #asleep = true;
  #closing = false;
  #deaths = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limits = { runs: new RunLimit(options.runLimitMs), loadMs: Infinity };
  }

  /** Workers that are loaded and alive. */
  get size(): number {
    return this.#live.size;
  }

  /** Whether it has not been started. */
  get asleep(): boolean {
    return this.#asleep;
  }

  /** Loads all instances, or waits for whoever does; throws, with none left behind, when one cannot load, and may be tried again. */
  start(): Promise<Loaded> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    return this.#starting;
  }

  /** Runs `task` with every worker; for the time before the model serves. */
  withAll<R>(task: (workers: readonly SessionWorker[]) => Promise<R>): Promise<R> {
    return task([...this.#live.keys()]);
  }

  /** The worker with the fewest runs, which the caller must release; undefined when all have `most` of them. */
  acquire(most = 1): SessionWorker | undefined {
    let found: SessionWorker | undefined;
    let fewest = most;
    for (const [worker, runs] of this.#live) if (runs < fewest) [found, fewest] = [worker, runs];
    if (found !== undefined) this.#live.set(found, fewest + 1);
    return found;
  }

  /** Gives a worker back; a dead one stays away. */
  release(worker: SessionWorker): void {
    const runs = this.#live.get(worker);
    if (runs !== undefined) this.#live.set(worker, runs - 1);
  }

  /** A run ended well: a later death starts again with the shortest delay. */
  healthy(): void {
    this.#deaths = 0;
  }

  /** Tells every worker to release its session after what it runs, and waits for them to end. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.allSettled([this.#starting, ...this.#coming]);
    await this.#end();
  }

  async #start(): Promise<Loaded> {
    const begun = performance.now();
    const starts = await Promise.allSettled(Array.from({ length: this.#options.instances }, () => this.#add()));
    const failed = starts.find((start) => start.status === 'rejected');
    const loaded = starts.find((start) => start.status === 'fulfilled');
    if (failed === undefined && loaded !== undefined) {
      this.#asleep = false;
      this.#limits.loadMs = limitAfterMs(performance.now() - begun);
      return loaded.value;
    }
    await this.#end();
    throw failed?.reason ?? new Error('no instances');
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#live.keys()].map((worker) => worker.close()));
    this.#live.clear();
  }

  async #add(): Promise<Loaded> {
    const worker = new SessionWorker(this.#options, this.#limits, (dead, hung) => this.#bury(dead, hung));
    const loaded = await worker.load();
    this.#live.set(worker, 0);
    return loaded;
  }

  #bury(dead: SessionWorker, hung: boolean): void {
    // One that never loaded has already said why, to whoever awaits `load`.
    const wasLive = this.#live.delete(dead);
    if (wasLive || hung) this.#options.onDeath(this.#live.size, hung);
    if (!wasLive) return;
    this.#replace();
  }

  #replace(): void {
    if (this.#closing) return;
    this.#deaths += 1;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const coming = this.#revive().finally(() => this.#coming.delete(coming));
      this.#coming.add(coming);
    }, this.#options.restartDelayMs(this.#deaths));
    this.#timers.add(timer);
  }

  async #revive(): Promise<void> {
    try {
      await this.#add();
    } catch {
      this.#replace();
      return;
    }
    if (!this.#closing) this.#options.onRevival();
  }
}
