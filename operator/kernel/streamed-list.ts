/** A list that comes as the beginning of a watch. Until its end nothing may be told: half a list is no state that ever was. */
import { ApiError, type WatchEvent } from './cluster.ts';
import { keyOf, keyText, type KubeObject } from './objects.ts';
import { prepared } from './store.ts';

/** The stream ended before the list did. */
export class CutOff extends ApiError {
  constructor() {
    super('unavailable', 'the list was cut off');
  }
}

/**
 * Pages may succeed where this stream did not: it was refused, broke off or failed at the server, such as on an etcd
 * that cannot tell how far it is. A broken connection says nothing of streams, and 429 asks for patience.
 */
export function isWorthPages(error: unknown): boolean {
  if (!(error instanceof ApiError) || error instanceof CutOff || error.code === 'silent') return true;
  return error.status !== 0 && error.code !== 'throttled';
}

export interface CompleteList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export class StreamedList {
  readonly #items = new Map<string, KubeObject>();

  /** The whole list with the event that ends it; undefined before. */
  hear(event: WatchEvent<KubeObject>): CompleteList | undefined {
    if (event.kind === 'put') this.#items.set(keyText(keyOf(event.object)), prepared(event.object));
    else if (event.kind === 'removed') this.#items.delete(keyText(keyOf(event.object)));
    else if (event.endsList === true)
      return { items: [...this.#items.values()], resourceVersion: event.resourceVersion };
    return undefined;
  }
}
