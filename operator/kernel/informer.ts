/**
 * Keeps a store equal to one kind in the API server, for ever: list, as a stream where that is served, watch, resume
 * from the last version, list anew when that version is gone. It never gives up and never needs to be restarted, and
 * it does not travel back in time. Store first, then tell; a listener that throws is counted and keeps nothing from others.
 */
import { sleep, type Clock } from '../../process/clock.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { backoffMs, watchBackoff } from './backoff.ts';
import { ApiError, type Reads, type WatchEvent } from './cluster.ts';
import { keyOf, keyText, resourceText, type KubeObject, type Resource, type Selection } from './objects.ts';
import { isSameButVersion } from './sameness.ts';
import { hasReached, prepared, type Store } from './store.ts';
import { CutOff, isWorthPages, StreamedList } from './streamed-list.ts';

/** What happened to one cached object. A new UID under an old name arrives as a removal followed by a put. */
export interface Change {
  readonly resource: Resource;
  readonly kind: 'put' | 'removed';
  readonly object: KubeObject;
  /** The object before; absent for an addition. */
  readonly previous?: KubeObject;
  /** True while the first list is being told: everything at once, nothing urgent. */
  readonly initial: boolean;
  /** Of what is kept nothing has changed but the version, as by the heartbeat of a node: there is nothing new to look at. */
  readonly onlyVersion?: true;
}

/** What an informer counts; the metrics of the process behind it. */
export interface InformerCounts {
  listed(resource: string): void;
  watchEnded(resource: string, how: string): void;
  listenerFailed(resource: string): void;
}

export interface InformerOptions {
  readonly cluster: Reads;
  readonly resource: Resource;
  readonly selection: Selection;
  readonly store: Store;
  readonly listeners: Iterable<(change: Change) => void>;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counts: InformerCounts;
}

const pageSize = 500;
const healthyMs = 120_000;
const tooShortMs = 1000;
/** Who is told to stay away for longer looks all the same: nobody may be blind for an hour. */
const longestAskedMs = 60_000;
/** So many lists from the past in a row are no lagging API server: etcd was restored from a backup. About half a minute. */
const refusedAtMost = 5;
/**
 * API servers send a bookmark every minute. So many watches in a row without a frame may be resumed at a version that
 * is still to come, of before etcd was restored, and would hear nothing until it has.
 */
const muteAtMost = 2;

/** What to do about a failed list or watch: only a version that is gone makes the store's version worthless. */
export function afterFailure(error: unknown): 'relist' | 'resume' {
  return error instanceof ApiError && error.code === 'gone' ? 'relist' : 'resume';
}

function askedMsOf(error: unknown): number {
  const askedMs = error instanceof ApiError ? error.retryAfterMs : undefined;
  return Math.min(longestAskedMs, askedMs ?? 0);
}

export class Informer {
  readonly #options: InformerOptions;
  readonly #name: string;
  readonly #firstList = Promise.withResolvers<undefined>();
  #synced = false;
  #mustList = true;
  /** The next list comes as a stream; after one that failed it comes in pages. */
  #streams: boolean;
  #failures = 0;
  #refused = 0;
  /** Watches in a row that fell silent without having said anything. */
  #mute = 0;
  #lastHeardMs: number;

  constructor(options: InformerOptions) {
    this.#options = options;
    this.#name = resourceText(options.resource);
    this.#lastHeardMs = options.clock.monotonicMs();
    this.#streams = this.#canStream;
  }

  get #canStream(): boolean {
    return this.#options.cluster.watchList !== undefined;
  }

  /** True once the kind was listed completely; it never becomes false again. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Resolves with the first complete list. */
  get whenSynced(): Promise<void> {
    return this.#firstList.promise;
  }

  /** Milliseconds since the API server last said anything, be it a bookmark. */
  get silentMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastHeardMs;
  }

  /** Runs until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedMs = this.#options.clock.monotonicMs();
      const delayMs = await this.#round(signal, startedMs);
      if (delayMs > 0) await sleep(this.#options.clock, delayMs, signal);
    }
  }

  /** One list if needed and one watch to its end. Returns how long to wait before the next. */
  async #round(signal: AbortSignal, startedMs: number): Promise<number> {
    try {
      if (this.#mustList && !this.#streams) await this.#list(signal);
      const events = await this.#watch(signal);
      const lastedMs = this.#options.clock.monotonicMs() - startedMs;
      this.#options.counts.watchEnded(this.#name, 'closed');
      if (events === 0 && lastedMs < tooShortMs) return this.#failed(lastedMs, 0);
      this.#failures = 0;
      return 0;
    } catch (error) {
      return signal.aborted ? 0 : this.#explain(error, startedMs);
    }
  }

  #explain(error: unknown, startedMs: number): number {
    const { log, clock, counts } = this.#options;
    counts.watchEnded(this.#name, error instanceof ApiError ? error.code : 'unexpected');
    const askedMs = askedMsOf(error);
    if (this.#mustList && this.#streams && isWorthPages(error)) {
      this.#streams = false;
      log.info('list did not come as a stream, listing in pages', { resource: this.#name, error: sentenceOf(error) });
      return askedMs;
    }
    // A stall: bookmarks are no promise, and the version is as good as before, unless it happens again and again.
    if (error instanceof ApiError && error.code === 'silent') {
      this.#mute += 1;
      if (this.#mute >= muteAtMost) this.#mustList = true;
      return 0;
    }
    const lastedMs = clock.monotonicMs() - startedMs;
    if (afterFailure(error) === 'relist') {
      this.#mustList = true;
      log.info('watch expired, listing anew', { resource: this.#name });
    } else log.warn('watch interrupted', { resource: this.#name, error: sentenceOf(error) });
    return this.#failed(lastedMs, askedMs);
  }

  #failed(lastedMs: number, atLeastMs: number): number {
    this.#failures = lastedMs > healthyMs ? 1 : this.#failures + 1;
    return Math.max(atLeastMs, backoffMs(watchBackoff, this.#failures, this.#options.random()));
  }

  /** Newest state, never "whatever is at hand": an API server that lags must not take us back in time. */
  async #list(signal: AbortSignal): Promise<void> {
    const { cluster, resource, selection } = this.#options;
    const items: KubeObject[] = [];
    let continueToken: string | undefined;
    let resourceVersion: string;
    do {
      const more = continueToken === undefined ? {} : { continueToken };
      const page = await cluster.list(resource, { ...selection, limit: pageSize, ...more }, signal);
      for (const item of page.items) items.push(prepared(item));
      ({ resourceVersion, continueToken } = page);
    } while (continueToken !== undefined);
    this.#adopt(items, resourceVersion);
  }

  #adopt(items: readonly KubeObject[], resourceVersion: string): void {
    const { store, counts } = this.#options;
    this.#refuseThePast(resourceVersion);
    counts.listed(this.#name);
    this.#replace(items);
    store.resourceVersion = resourceVersion;
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    this.#mustList = false;
    this.#mute = 0;
    this.#streams = this.#canStream;
    this.#synced = true;
    this.#firstList.resolve(undefined);
  }

  /** What was deleted since would come to life again, and be acted upon. Throws until the past must be the truth. */
  #refuseThePast(resourceVersion: string): void {
    const { store, log } = this.#options;
    const isPast = !hasReached(resourceVersion, store.resourceVersion);
    this.#refused = isPast ? this.#refused + 1 : 0;
    if (!isPast) return;
    const fields = { resource: this.#name, listed: resourceVersion, known: store.resourceVersion };
    if (this.#refused <= refusedAtMost) {
      log.warn('list from the past refused', fields);
      throw new ApiError('unavailable', 'the list was older than what is known');
    }
    log.error('list from the past taken: the API server has lost its newer state', fields);
    this.#refused = 0;
  }

  #replace(items: readonly KubeObject[]): void {
    const { store } = this.#options;
    const present = new Set(items.map((item) => keyText(keyOf(item))));
    const initial = !this.#synced;
    for (const key of store.keys()) if (!present.has(key)) this.#remove(key, initial);
    for (const item of items) this.#put(item, initial);
  }

  async #watch(signal: AbortSignal): Promise<number> {
    let list = this.#mustList ? new StreamedList() : undefined;
    let events = 0;
    for await (const event of this.#opened(signal)) {
      if (signal.aborted) break;
      this.#lastHeardMs = this.#options.clock.monotonicMs();
      this.#mute = 0;
      events += 1;
      if (list === undefined) this.#hear(event);
      else if (this.#completes(list, event)) list = undefined;
    }
    if (list !== undefined && !signal.aborted) throw new CutOff();
    return events;
  }

  #completes(list: StreamedList, event: WatchEvent<KubeObject>): boolean {
    const complete = list.hear(event);
    if (complete !== undefined) this.#adopt(complete.items, complete.resourceVersion);
    return complete !== undefined;
  }

  #opened(signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>> {
    const { cluster, resource, selection, store, random } = this.#options;
    const options = { ...selection, timeoutSeconds: Math.round(300 + 300 * random()) };
    const streamed = this.#mustList ? cluster.watchList?.(resource, options, signal) : undefined;
    return streamed ?? cluster.watch(resource, { ...options, resourceVersion: store.resourceVersion }, signal);
  }

  #hear(event: WatchEvent<KubeObject>): void {
    const { store } = this.#options;
    if (event.kind === 'bookmark') {
      if (event.resourceVersion !== '') store.resourceVersion = event.resourceVersion;
      return;
    }
    // The version moves before listeners run, so that a listener which asks sees a store that includes this event.
    store.resourceVersion = event.object.metadata.resourceVersion ?? store.resourceVersion;
    if (event.kind === 'put') this.#put(prepared(event.object), false);
    else this.#remove(keyText(keyOf(event.object)), false, event.object);
  }

  #put(object: KubeObject, initial: boolean): void {
    const { store } = this.#options;
    const key = keyText(keyOf(object));
    const before = store.get(key);
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion && before !== undefined) return;
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.#remove(key, initial);
    const previous = store.put(object);
    const onlyVersion = isSameButVersion(previous, object) ? { onlyVersion: true as const } : {};
    this.#tell({ kind: 'put', object, initial, ...(previous === undefined ? {} : { previous }), ...onlyVersion });
  }

  #remove(key: string, initial: boolean, last?: KubeObject): void {
    const before = this.#options.store.remove(key);
    if (before !== undefined) this.#tell({ kind: 'removed', object: last ?? before, previous: before, initial });
  }

  #tell(change: Omit<Change, 'resource'>): void {
    const { listeners, resource, counts, log } = this.#options;
    for (const listener of listeners)
      try {
        listener({ ...change, resource });
      } catch (error) {
        counts.listenerFailed(this.#name);
        log.error('change listener failed', { resource: this.#name, error: sentenceOf(error) });
      }
  }
}
