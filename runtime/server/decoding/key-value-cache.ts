/**
 * Keys and values of all sequences, in arrays that are made once: what the memory limit was asked for is all there ever is.
 *
 * Every slot is a block of equal length; blocks lie one after another, so that the first n slots are the batch that ONNX
 * Runtime is given, without a copy. The common length of the blocks, `capacity`, follows the longest sequence in steps, since
 * attention pays for every position of a block; pages of the arrays that were never reached cost nothing.
 */
import type { Geometry } from './geometry.ts';

/** Keys or values of one layer: `rows` rows for each slot, each of `capacity` positions of `width` elements. */
interface Plane {
  readonly data: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly width: number;
}

/** New elements as a run gave them: [batch, rows, span, width], of which `count` positions from `start` on are new. */
export interface NewRows {
  readonly data: Float32Array;
  readonly batchIndex: number;
  readonly span: number;
  readonly start: number;
  readonly count: number;
}

/** Positions by which blocks grow. */
const step = 64;

/** Elements: 32 KiB. */
const spareLength = 8192;

/** Whether keys lie as [headDim, positions], as the split contract has them, or as [positions, headDim]. */
export type KeyLayout = 'transposed' | 'rows';

/** Piece by piece, by way of one that stays in the processor's cache: a new array of a block's length costs more than the copies. */
function exchange(left: Float32Array, right: Float32Array, spare: Float32Array): void {
  for (let start = 0; start < left.length; start += spare.length) {
    const end = Math.min(left.length, start + spare.length);
    const kept = spare.subarray(0, end - start);
    kept.set(left.subarray(start, end));
    left.set(right.subarray(start, end), start);
    right.set(kept, start);
  }
}

/** The blocks of all slots. Plane 2i holds the keys of layer i, plane 2i + 1 its values. */
export class KeyValueCache {
  readonly slots: number;
  readonly #contextLength: number;
  readonly #planes: readonly Plane[];
  readonly #spare = new Float32Array(spareLength);
  #capacity = 0;

  constructor({ layers, heads, headDim, contextLength }: Geometry, slots: number, keys: KeyLayout) {
    this.slots = slots;
    this.#contextLength = contextLength;
    const plane = (rows: number, width: number): Plane => {
      return { data: new Float32Array(slots * rows * width * contextLength), rows, width };
    };
    const keyPlane = (): Plane => (keys === 'transposed' ? plane(heads * headDim, 1) : plane(heads, headDim));
    this.#planes = Array.from({ length: layers }, () => [keyPlane(), plane(heads, headDim)]).flat();
  }

  /** Positions of each block. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Makes blocks long enough for `length` positions; much longer ones become shorter, and lose what lies beyond. */
  fit(length: number): void {
    const wanted = Math.min(this.#contextLength, Math.ceil(Math.max(1, length) / step) * step);
    if (wanted > this.#capacity || wanted * 4 <= this.#capacity) this.#resize(wanted);
  }

  /** Elements of the blocks from slot `first` on, `count` of them: a view, to be read only. */
  view(plane: number, first: number, count: number): Float32Array<ArrayBuffer> {
    const { data, rows, width } = this.#plane(plane);
    const block = rows * width * this.#capacity;
    return data.subarray(first * block, (first + count) * block);
  }

  /** Writes new positions of one slot from `position` on. */
  write(
    plane: number,
    [slot, position]: readonly [number, number],
    { data, batchIndex, span, start, count }: NewRows,
  ): void {
    const target = this.#plane(plane);
    const { rows, width } = target;
    for (let row = 0; row < rows; row += 1) {
      const from = ((batchIndex * rows + row) * span + start) * width;
      const to = ((slot * rows + row) * this.#capacity + position) * width;
      // A call for each element costs more than the element.
      if (count * width === 1) target.data[to] = data[from] ?? 0;
      else target.data.set(data.subarray(from, from + count * width), to);
    }
  }

  /** Copies the first `count` positions of one slot into another. */
  copy(from: number, to: number, count: number): void {
    for (const { data, rows, width } of this.#planes) {
      const line = this.#capacity * width;
      for (let row = 0; row < rows; row += 1) {
        const start = (from * rows + row) * line;
        data.copyWithin((to * rows + row) * line, start, start + count * width);
      }
    }
  }

  /** Exchanges two slots. */
  swap(a: number, b: number): void {
    if (a === b) return;
    for (let plane = 0; plane < this.#planes.length; plane += 1)
      exchange(this.view(plane, a, 1), this.view(plane, b, 1), this.#spare);
  }

  /** Forgets a slot's elements: hidden positions are multiplied by zero, which NaN survives. */
  clear(slot: number): void {
    for (let plane = 0; plane < this.#planes.length; plane += 1) this.view(plane, slot, 1).fill(0);
  }

  #plane(index: number): Plane {
    const plane = this.#planes[index];
    if (plane === undefined) throw new RangeError(`there is no plane ${index}`);
    return plane;
  }

  /** Moves every row to where it lies in longer or shorter blocks, in place: from the far end when they grow. */
  #resize(capacity: number): void {
    const kept = Math.min(this.#capacity, capacity);
    for (const { data, rows, width } of this.#planes) {
      const count = this.slots * rows;
      for (let done = 0; done < count && kept > 0; done += 1) {
        const row = capacity > this.#capacity ? count - 1 - done : done;
        const from = row * this.#capacity * width;
        data.copyWithin(row * capacity * width, from, from + kept * width);
      }
    }
    this.#capacity = capacity;
  }
}
