/** What is said in one turn, told together when the turn is over. */
export class Outbox<Item> {
  readonly #tell: (items: readonly Item[]) => void;
  #items: Item[] = [];

  constructor(tell: (items: readonly Item[]) => void) {
    this.#tell = tell;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length === 1) queueMicrotask(() => this.flush());
  }

  /** Tells now, so that what is said next comes after it. */
  flush(): void {
    const items = this.#items;
    this.#items = [];
    if (items.length > 0) this.#tell(items);
  }
}
