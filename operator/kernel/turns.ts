/**
 * What waits, by turns: one of each group, and within a group whoever came first. However many wait in one group, those
 * of others do not wait for them; and a group of which none may be taken costs one look, not one for each that waits.
 */
export class Turns<T> {
  readonly #groupOf: (one: T) => string;
  /** Groups in the order in which it is their turn; none is empty. The value is since when one waits. */
  readonly #groups = new Map<string, Map<T, number>>();
  #size = 0;

  constructor(groupOf: (one: T) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  /** Since when it waits; undefined: it does not. */
  since(one: T): number | undefined {
    return this.#groups.get(this.#groupOf(one))?.get(one);
  }

  /** Since when whoever waits longest does; undefined: nobody waits. */
  get oldest(): number | undefined {
    let oldest: number | undefined;
    for (const among of this.#groups.values())
      for (const since of among.values()) oldest = Math.min(since, oldest ?? since);
    return oldest;
  }

  /** Who waits already goes on waiting. */
  add(one: T, since = 0): void {
    const group = this.#groupOf(one);
    const among = this.#groups.get(group) ?? new Map<T, number>();
    if (among.has(one)) return;
    this.#groups.set(group, among.set(one, since));
    this.#size += 1;
  }

  delete(one: T): void {
    const group = this.#groupOf(one);
    const among = this.#groups.get(group);
    if (among?.delete(one) !== true) return;
    this.#size -= 1;
    if (among.size === 0) this.#groups.delete(group);
  }

  /** Whose turn it is among the groups that are admitted, who then waits no more; its group comes after all the others. */
  take(admits: (group: string) => boolean = () => true): { readonly one: T; readonly since: number } | undefined {
    for (const [group, among] of this.#groups) {
      const [first] = admits(group) ? among : [];
      if (first === undefined) continue;
      const [one, since] = first;
      this.delete(one);
      this.#groups.delete(group);
      if (among.size > 0) this.#groups.set(group, among);
      return { one, since };
    }
    return undefined;
  }
}
