/** Changes → keys → workers. One switch turns the outcome of a pass into what the queue does next. */
import type { Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { ApiError } from './cluster.ts';
import { HeldKeys, type HeldCounts } from './held.ts';
import type { Change } from './informer.ts';
import type { WriteMemory } from './memory.ts';
import type { ControllerCounts } from './metrics.ts';
import { keyOf, keyText, parseKey, resourceText, type Key, type KubeObject } from './objects.ts';
import { runPass, type Outcome, type PassOptions } from './pass.ts';
import { applyFailed, statusTextOf } from './status.ts';
import { canonical } from './sameness.ts';
import type { Priority, Taken, Workqueue } from './workqueue.ts';

export interface ControllerOptions {
  readonly pass: PassOptions;
  readonly queue: Workqueue;
  readonly workers: number;
  readonly counts: ControllerCounts;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** A blocked key is looked at now and then, in case the person who can help did. */
const blockedLookMs = 60_000;
/** Everything is looked at again every ten hours or so, as a safety net under lost wake-ups. */
const resyncMs = 36_000_000;
const fencedLookMs = 1000;
const passLimitMs = 120_000;

/** In every line of one pass: twelve hexadecimal digits by chance. */
const reconcileIdOf = (chance: number): string =>
  Math.floor(chance * 2 ** 48)
    .toString(16)
    .padStart(12, '0');

/** What people say of an object. Of its spec the generation is enough; a label or an annotation is how to call for a look. */
function wishText({ metadata }: KubeObject): string {
  const { generation, labels, annotations, finalizers, ownerReferences } = metadata;
  return canonical({ generation, labels, annotations, finalizers, ownerReferences });
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #held = new HeldKeys();
  #isRunning = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.pass.reconciler.name;
  }

  get depth(): number {
    return this.#options.queue.depth;
  }

  get oldestWaitMs(): number {
    return this.#options.queue.oldestWaitMs;
  }

  get failing(): number {
    return this.#options.queue.failing;
  }

  get held(): HeldCounts {
    return this.#held.counts(this.#options.clock.monotonicMs());
  }

  /**
   * Maps a change to the keys it concerns; before and after, since a reference may have moved. A version alone concerns none:
   * who waits for one looks by himself.
   */
  hear(change: Change): void {
    if (change.onlyVersion === true) return;
    const priority: Priority = change.initial ? 'low' : 'high';
    const { reconciler, hands } = this.#options.pass;
    const kind = resourceText(change.resource);
    if (resourceText(reconciler.resource) === kind && !this.#isEchoWhileFailing(change, hands.memory))
      this.#wake(keyOf(change.object), priority);
    const seen = change.previous === undefined ? [change.object] : [change.object, change.previous];
    const watches = reconciler.watches.filter(({ resource }) => resourceText(resource) === kind);
    const keys = watches.flatMap((watch) => seen.flatMap((object) => watch.keysOf(object, hands.cache)));
    for (const key of keys) this.#wake(key, priority);
  }

  poke(key: Key): void {
    this.#wake(key, 'high');
  }

  /** Looks at everything and runs the workers until `signal` aborts; resolves when the last pass is over. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue, workers } = this.#options;
    signal.addEventListener('abort', () => queue.stop(), { once: true });
    if (signal.aborted) queue.stop();
    this.#isRunning = true;
    for (const root of this.#roots()) if (applyFailed(root)) queue.suspect(keyText(keyOf(root)));
    this.#lookAtAll();
    this.#resyncLater(signal);
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  /** A failing key waits out its back-off: writing "it failed" into its status must not wake it, and whatever else does. */
  #isEchoWhileFailing(change: Change, memory: WriteMemory): boolean {
    const { object, previous } = change;
    const isFailing = this.#options.queue.failures(keyText(keyOf(object))) > 0;
    if (!isFailing || previous === undefined || change.kind === 'removed') return false;
    const { reconciler } = this.#options.pass;
    const text = statusTextOf(object, reconciler);
    const isOnlyStatus = text !== statusTextOf(previous, reconciler) && wishText(object) === wishText(previous);
    return isOnlyStatus && memory.isEchoOfStatus(keyOf(object), text);
  }

  /** Whoever waits for the lease does nothing about what happens meanwhile, perhaps for weeks: all is looked at once it leads. */
  #wake(key: Key, priority: Priority): void {
    if (this.#isRunning) this.#options.queue.add(keyText(key), priority);
  }

  #roots(): readonly KubeObject[] {
    const { reconciler, hands } = this.#options.pass;
    return hands.cache.list(reconciler.resource);
  }

  #lookAtAll(): void {
    for (const root of this.#roots()) this.#wake(keyOf(root), 'low');
  }

  #resyncLater(signal: AbortSignal): void {
    const { clock, random } = this.#options;
    const cancel = clock.after(resyncMs * (0.9 + 0.2 * random()), () => {
      this.#lookAtAll();
      if (!signal.aborted) this.#resyncLater(signal);
    });
    signal.addEventListener('abort', cancel, { once: true });
  }

  async #work(): Promise<void> {
    const { queue, counts, clock, pass, random } = this.#options;
    for (let taken = await queue.take(); taken !== undefined; taken = await queue.take()) {
      const startedMs = clock.monotonicMs();
      counts.took(this.name, taken.waitedMs);
      const log = this.#options.log.child({ key: taken.key, reconcileId: reconcileIdOf(random()) });
      try {
        const outcome = await runPass(pass, parseKey(taken.key), { log, signal: AbortSignal.timeout(passLimitMs) });
        const tookMs = clock.monotonicMs() - startedMs;
        this.#held.note(taken.key, outcome, startedMs + tookMs);
        counts.finished(this.name, outcome.kind, tookMs);
        log.debug('pass over', { outcome: outcome.kind, tookMs });
        this.#follow(taken, outcome, log);
      } finally {
        queue.done(taken.key);
      }
    }
  }

  #follow(taken: Taken, outcome: Outcome, log: Log): void {
    const { queue } = this.#options;
    const { key } = taken;
    switch (outcome.kind) {
      case 'gone':
        queue.forget(key);
        break;
      case 'settled':
        this.#recover(key);
        break;
      case 'recheck':
        this.#recover(key);
        queue.addAfter(key, outcome.afterMs);
        break;
      case 'blocked':
        this.#recover(key);
        queue.addAfter(key, blockedLookMs, 'low');
        break;
      case 'stale':
      case 'waiting':
        queue.addAfter(key, outcome.afterMs);
        break;
      case 'failed':
        this.#retry(taken, outcome.error, log);
        // A deadline does not wait for a write that fails; who looks every second comes with the others that fail.
        if (outcome.lookMs !== undefined) queue.addAfter(key, Math.max(outcome.lookMs, blockedLookMs));
        break;
      // The process is about to end, unless a clock that jumped to and fro only seemed to end the lease, or a write was too late.
      case 'fenced':
        queue.addAfter(key, fencedLookMs);
        break;
    }
  }

  /** The echo of this pass's status may have been taken for that of a failing one: look once more. */
  #recover(key: string): void {
    const { queue } = this.#options;
    const wasFailing = queue.failures(key) > 0;
    queue.forget(key);
    if (wasFailing) queue.add(key);
  }

  #retry(taken: Taken, error: unknown, log: Log): void {
    const { queue, counts } = this.#options;
    const delayMs = queue.retry(taken, error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0);
    counts.retried(this.name);
    const isOurs = !(error instanceof ApiError);
    const detail = { delayMs, failures: queue.failures(taken.key), error: sentenceOf(error) };
    if (isOurs) log.error('pass failed', { ...detail, stack: error instanceof Error ? error.stack : undefined });
    else log.warn('pass failed', detail);
  }
}
