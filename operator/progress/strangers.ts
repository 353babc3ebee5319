/**
 * Pods that have never said anything, while they wait to be asked again: by turns, one of each namespace. However many a
 * tenant has, those of others do not wait for them. Pure but for its own state.
 */
export class Strangers<T extends { readonly namespace: string }> {
  /** Namespaces in the order in which it is their turn; within one, whoever came first. */
  readonly #waiting = new Map<string, Set<T>>();

  add(one: T): void {
    const among = this.#waiting.get(one.namespace);
    if (among === undefined) this.#waiting.set(one.namespace, new Set([one]));
    else among.add(one);
  }

  delete(one: T): void {
    const among = this.#waiting.get(one.namespace);
    among?.delete(one);
    if (among?.size === 0) this.#waiting.delete(one.namespace);
  }

  /** Those whose turn it is, at most so many; they are no longer among these. */
  take(most = Infinity): readonly T[] {
    const taken: T[] = [];
    while (taken.length < most) {
      const next = this.#next();
      if (next === undefined) break;
      taken.push(next);
    }
    return taken;
  }

  #next(): T | undefined {
    for (const [namespace, among] of this.#waiting)
      for (const one of among) {
        among.delete(one);
        // Behind all others.
        this.#waiting.delete(namespace);
        if (among.size > 0) this.#waiting.set(namespace, among);
        return one;
      }
    return undefined;
  }
}
