/** A few texts byte by byte: where one is, which of them it may still become, and which one ends there. */

interface Place {
  readonly next: Map<number, number>;
  /** Texts that go through this place or end at it, in their order. */
  readonly below: number[];
  end: number;
}

/** Texts that differ from each other. */
export class Spellings {
  readonly #places: Place[] = [];

  constructor(texts: readonly string[]) {
    this.#add();
    for (const [index, text] of texts.entries()) this.#spell(index, Buffer.from(text));
  }

  /** The place after one more byte; -1 where no text goes on like that. 0 is the start. */
  step(place: number, byte: number): number {
    return this.#places[place]?.next.get(byte) ?? -1;
  }

  /** The text that ends at a place; -1 when none does. */
  end(place: number): number {
    return this.#places[place]?.end ?? -1;
  }

  /** Texts that go through a place or end at it. */
  below(place: number): readonly number[] {
    return this.#places[place]?.below ?? [];
  }

  #add(): number {
    this.#places.push({ next: new Map(), below: [], end: -1 });
    return this.#places.length - 1;
  }

  #spell(index: number, bytes: Uint8Array): void {
    let at = this.#places[0];
    at?.below.push(index);
    for (const byte of bytes) {
      const next = at?.next.get(byte) ?? this.#add();
      at?.next.set(byte, next);
      at = this.#places[next];
      at?.below.push(index);
    }
    if (at !== undefined) at.end = index;
  }
}
