/** A few texts byte by byte: where one is, which of them it may still become, and which one ends there. */

/** Sorted texts that begin alike. Made when it is reached: of many texts most never are. */
interface Place {
  readonly from: number;
  readonly to: number;
  /** Bytes in which they are alike. */
  readonly depth: number;
  readonly next: Map<number, number>;
  /** Their own numbers, in their order. */
  numbers: readonly number[] | undefined;
}

interface Spelled {
  /** One letter for each byte makes strings that compare as bytes do. */
  readonly bytes: string;
  readonly number: number;
}

/** Texts that differ from each other. */
export class Spellings {
  readonly #sorted: readonly Spelled[];
  readonly #places: Place[] = [];

  constructor(texts: readonly string[]) {
    this.#sorted = texts
      .map((text, number) => ({ bytes: Buffer.from(text).toString('latin1'), number }))
      .sort((a, b) => (a.bytes < b.bytes ? -1 : 1));
    this.#add(0, texts.length, 0);
  }

  /** The place after one more byte; -1 where no text goes on like that. 0 is the start. */
  step(place: number, byte: number): number {
    const at = this.#places[place];
    if (at === undefined) return -1;
    const known = at.next.get(byte);
    if (known !== undefined) return known;
    const [from, to] = [this.#firstFrom(at, byte), this.#firstFrom(at, byte + 1)];
    if (from === to) return -1;
    const next = this.#add(from, to, at.depth + 1);
    at.next.set(byte, next);
    return next;
  }

  /** The text that ends at a place; -1 when none does. */
  end(place: number): number {
    const { from = 0, depth = 0 } = this.#places[place] ?? {};
    // The shortest is the first.
    const first = this.#sorted[from];
    return this.#count(place) > 0 && first?.bytes.length === depth ? first.number : -1;
  }

  /** Whether a text goes on from a place. */
  goesOn(place: number): boolean {
    return this.#count(place) > (this.end(place) < 0 ? 0 : 1);
  }

  /** Texts that go through a place or end at it, in their order. */
  below(place: number): readonly number[] {
    const at = this.#places[place];
    if (at === undefined) return [];
    at.numbers ??= this.#sorted
      .slice(at.from, at.to)
      .map(({ number }) => number)
      .sort((a, b) => a - b);
    return at.numbers;
  }

  /** The bytes by which texts go on from a place. */
  bytesAfter(place: number): readonly number[] {
    const at = this.#places[place];
    const bytes: number[] = [];
    if (at === undefined) return bytes;
    for (let index = this.#firstFrom(at, 0); index < at.to;) {
      const byte = this.#sorted[index]?.bytes.charCodeAt(at.depth) ?? 0;
      bytes.push(byte);
      index = this.#firstFrom(at, byte + 1);
    }
    return bytes;
  }

  #count(place: number): number {
    const { from = 0, to = 0 } = this.#places[place] ?? {};
    return to - from;
  }

  #add(from: number, to: number, depth: number): number {
    return this.#places.push({ from, to, depth, next: new Map(), numbers: undefined }) - 1;
  }

  /** The first text of a place that goes on by this byte or a larger one. */
  #firstFrom({ from, to, depth }: Place, byte: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      // A text that ends here has no such letter.
      if (!((this.#sorted[middle]?.bytes.charCodeAt(depth) ?? 0) >= byte)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
