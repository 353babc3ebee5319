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

/** The server refuses to list by a stream: not for now, but for good. */
export const isNotServed = (error: unknown): boolean =>
  error instanceof CutOff || (error instanceof ApiError && (error.code === 'invalid' || error.code === 'silent'));

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
