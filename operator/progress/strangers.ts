/** Pods that have never said anything, while they wait to be asked again: by turns, one of each namespace. */
import { Turns } from '../kernel/turns.ts';

export class Strangers<T extends { readonly namespace: string }> {
  readonly #turns = new Turns<T>(({ namespace }) => namespace);

  add(one: T): void {
    this.#turns.add(one);
  }

  delete(one: T): void {
    this.#turns.delete(one);
  }

  /** Those whose turn it is, at most so many; they are no longer among these. */
  take(most = Infinity): readonly T[] {
    const taken: T[] = [];
    while (taken.length < most) {
      const next = this.#turns.take();
      if (next === undefined) break;
      taken.push(next.one);
    }
    return taken;
  }
}
