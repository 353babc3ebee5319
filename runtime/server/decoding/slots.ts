/**
 * Which sequence has which block of the cache. Blocks [0, writing) are the batch; the one after them may be joining; the
 * others remember the sequence that they had last, so that a prompt that begins alike need not be read again.
 */
import type { KeyValueCache } from './key-value-cache.ts';
import type { Sequence } from './sequence.ts';

interface Slot {
  /** Tokens whose keys and values the block has. */
  tokens: number[];
  sequence: Sequence | undefined;
  /** When the block was last given up; 0 is never. */
  usedAt: number;
}

/** How many tokens two lists begin with alike. */
function common(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length += 1;
  return length;
}

/** Tokens that a tenant's block must have room for: a prompt that is being read will have all of it. */
function needed({ tokens, sequence }: Slot): number {
  return Math.max(tokens.length, sequence?.assignment.prompt.length ?? 0) + 1;
}

/** The blocks of a cache and their tenants. */
export class Slots {
  readonly #cache: KeyValueCache;
  readonly #slots: Slot[];
  #writing = 0;
  #joining = false;
  #clock = 0;

  constructor(cache: KeyValueCache) {
    this.#cache = cache;
    this.#slots = Array.from({ length: cache.slots }, () => ({ tokens: [], sequence: undefined, usedAt: 0 }));
  }

  /** Sequences in the batch. */
  get writing(): number {
    return this.#writing;
  }

  /** The block of the sequence that is being read in; it follows the batch. */
  get joining(): Sequence | undefined {
    return this.#joining ? this.#slots[this.#writing]?.sequence : undefined;
  }

  /** Whether a sequence may join. */
  get free(): boolean {
    return !this.#joining && this.#writing < this.#slots.length;
  }

  /** The sequences of the batch in the order of their blocks. */
  get sequences(): readonly Sequence[] {
    return this.#slots.slice(0, this.#writing).flatMap(({ sequence }) => sequence ?? []);
  }

  /** Tokens that a block has. */
  length(slot: number): number {
    return this.#at(slot).tokens.length;
  }

  /** Makes room for the prompt and one more token of each sequence, and for `length` tokens of one. */
  fit(length: number): void {
    const tenants = this.#slots.slice(0, this.#writing + (this.#joining ? 1 : 0));
    this.#cache.fit(Math.max(length, ...tenants.map(needed)));
    for (const slot of this.#slots)
      if (slot.tokens.length > this.#cache.capacity) slot.tokens.length = this.#cache.capacity;
  }

  /** Gives a sequence the block after the batch, with as much of its prompt as any block has already. */
  join(sequence: Sequence): void {
    const { prompt } = sequence.assignment;
    this.fit(prompt.length + 1);
    // The last token is always run: its logits are what is wanted.
    const known = this.#slots.map(({ tokens }) => Math.min(common(tokens, prompt), prompt.length - 1));
    const most = Math.max(...known);
    const source = known.indexOf(most);
    const target = this.#blockFor(source, most);
    if (most > 0 && source !== target) this.#cache.copy(source, target, most);
    const slot = this.#at(target);
    slot.tokens = prompt.slice(0, most);
    slot.sequence = sequence;
    sequence.cachedTokens = most;
    this.#swap(target, this.#writing);
    this.#joining = true;
  }

  /** Notes that a block has been given more tokens. */
  append(slot: number, tokens: readonly number[]): void {
    this.#at(slot).tokens.push(...tokens);
  }

  /** The joining sequence becomes part of the batch. */
  joined(): void {
    this.#joining = false;
    this.#writing += 1;
  }

  /** The joining sequence gives up; what was read of its prompt is remembered, unless it spoiled its block. */
  abandon(spoiled: boolean): void {
    this.#release(this.#writing, spoiled);
    this.#joining = false;
  }

  /** A sequence leaves the batch; the last one takes its place. A spoiled block is cleared. */
  leave(slot: number, spoiled = false): void {
    this.#release(slot, spoiled);
    this.#writing -= 1;
    this.#swap(slot, this.#writing);
    if (this.#joining) this.#swap(this.#writing, this.#writing + 1);
  }

  #release(index: number, spoiled: boolean): void {
    const slot = this.#at(index);
    slot.sequence = undefined;
    this.#clock += 1;
    slot.usedAt = this.#clock;
    if (!spoiled) return;
    slot.tokens = [];
    this.#cache.clear(index);
  }

  /** The source itself where little of it is lost, otherwise the free block that was given up the longest ago. */
  #blockFor(source: number, known: number): number {
    const isFree = source >= this.#writing;
    if (isFree && 2 * known >= this.#at(source).tokens.length) return source;
    const free = this.#slots.slice(this.#writing);
    const oldest = free.reduce((found, slot) => (slot.usedAt < found.usedAt ? slot : found));
    return this.#slots.indexOf(oldest);
  }

  #swap(a: number, b: number): void {
    if (a === b) return;
    const [left, right] = [this.#at(a), this.#at(b)];
    if (left.tokens.length === 0) this.#cache.copy(b, a, right.tokens.length);
    else if (right.tokens.length === 0) this.#cache.copy(a, b, left.tokens.length);
    else this.#cache.swap(a, b);
    this.#slots[a] = right;
    this.#slots[b] = left;
  }

  #at(index: number): Slot {
    const slot = this.#slots[index];
    if (slot === undefined) throw new RangeError(`there is no slot ${index}`);
    return slot;
  }
}
