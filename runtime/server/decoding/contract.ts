/**
 * Sequences and their cache ↔ the tensors of one run, for both contracts. The cache is input only: what a run adds comes
 * back as an output and is written into the cache here. `concat` graphs give the whole cache back; the end of it is new, or
 * what follows the sequence's own part.
 */
import type { TensorSpec } from '../protocol/request.ts';
import type { Tensor, TensorData } from '../tensor.ts';
import type { ContractName, Geometry } from './geometry.ts';
import type { KeyLayout, KeyValueCache } from './key-value-cache.ts';

/** A sequence's part in a run: the tokens to add after the `length` that the cache has of it. */
export interface Row {
  readonly tokens: readonly number[];
  readonly length: number;
}

/** One run: rows of equally many tokens, whose blocks lie from slot `first` on. */
export interface Batch {
  readonly first: number;
  readonly rows: readonly Row[];
}

/** How one contract fills inputs and reads outputs. */
export interface Contract {
  readonly keys: KeyLayout;
  /** Outputs to fetch: the logits, then keys and values by layer. */
  readonly outputs: readonly string[];
  inputs(batch: Batch, cache: KeyValueCache): readonly Tensor[];
  /** The logits of each row's last token, [batch][vocabulary]. */
  logits(output: Tensor, batch: Batch): readonly Float32Array[];
  /** Writes what a run added to its sequences: `outputs` are keys and values by layer, without the logits. */
  remember(outputs: readonly Tensor[], batch: Batch, cache: KeyValueCache): void;
}

const hidden = -1e9;

const spanOf = ({ rows }: Batch): number => rows[0]?.tokens.length ?? 0;

/** Positions of the cache that a run is given: none while there is nothing in them. */
export function pastOf({ rows }: Batch, cache: KeyValueCache): number {
  return rows.every(({ length }) => length === 0) ? 0 : cache.capacity;
}

function integers(name: string, shape: readonly number[], value: (index: number) => number): Tensor {
  const data = new BigInt64Array(shape.reduce((product, dim) => product * dim, 1));
  // None is negative or large, and a BigInt for each would take longer than all else here.
  const halves = new Uint32Array(data.buffer);
  for (let index = 0; index < data.length; index += 1) halves[2 * index] = value(index);
  return { name, datatype: 'INT64', shape, data };
}

function tokensOf(batch: Batch): Tensor {
  const span = spanOf(batch);
  return integers('input_ids', [batch.rows.length, span], (i) => {
    return batch.rows[Math.floor(i / span)]?.tokens[i % span] ?? 0;
  });
}

function positionsOf(batch: Batch): Tensor {
  const span = spanOf(batch);
  return integers('position_ids', [batch.rows.length, span], (i) => {
    return (batch.rows[Math.floor(i / span)]?.length ?? 0) + (i % span);
  });
}

/** 0 where a token may look, -1e9 where it may not: [batch, 1, span, past + span]. */
function biasOf(batch: Batch, past: number): Tensor {
  const [span, count] = [spanOf(batch), batch.rows.length];
  const width = past + span;
  const data = new Float32Array(count * span * width).fill(hidden);
  for (const [b, { length }] of batch.rows.entries()) {
    for (let token = 0; token < span; token += 1) {
      const start = (b * span + token) * width;
      data.fill(0, start, start + Math.min(length, past));
      data.fill(0, start + past, start + past + token + 1);
    }
  }
  return { name: 'bias', datatype: 'FP32', shape: [count, 1, span, width], data };
}

/** 1 for what a row has, 0 for what pads it: [batch, past + span]. */
function maskOf(batch: Batch, past: number): Tensor {
  const width = past + spanOf(batch);
  return integers('attention_mask', [batch.rows.length, width], (i) => {
    const column = i % width;
    return column >= past || column < (batch.rows[Math.floor(i / width)]?.length ?? 0) ? 1 : 0;
  });
}

type Naming = (layer: number, what: 'key' | 'value') => string;

function cacheTensors(
  geometry: Geometry,
  [batch, cache]: readonly [Batch, KeyValueCache],
  name: Naming,
  keys: KeyLayout,
) {
  const [count, past] = [batch.rows.length, pastOf(batch, cache)];
  const { heads, headDim, layers } = geometry;
  const tensor = (layer: number, what: 'key' | 'value'): Tensor => {
    const transposed = what === 'key' && keys === 'transposed';
    const plane = 2 * layer + (what === 'key' ? 0 : 1);
    const data: TensorData = past === 0 ? new Float32Array(0) : cache.view(plane, batch.first, count);
    const shape = transposed ? [count, heads, headDim, past] : [count, heads, past, headDim];
    return { name: name(layer, what), datatype: 'FP32', shape, data };
  };
  return Array.from({ length: layers }, (_, layer) => [tensor(layer, 'key'), tensor(layer, 'value')]).flat();
}

function newNames({ layers }: Geometry, name: Naming): readonly string[] {
  return ['logits', ...Array.from({ length: layers }, (_, i) => [name(i, 'key'), name(i, 'value')]).flat()];
}

function splitContract(geometry: Geometry): Contract {
  return {
    keys: 'transposed',
    outputs: newNames(geometry, (layer, what) => `new.${layer}.${what}`),
    inputs: (batch, cache) => [
      tokensOf(batch),
      positionsOf(batch),
      integers('last', [batch.rows.length], () => spanOf(batch) - 1),
      biasOf(batch, pastOf(batch, cache)),
      ...cacheTensors(geometry, [batch, cache], (layer, what) => `past.${layer}.${what}`, 'transposed'),
    ],
    logits: ({ data }, { rows }) => rows.map((_, b) => slice(data, b, geometry.vocabulary)),
    remember: (outputs, batch, cache) => write(outputs, batch, cache, () => 0),
  };
}

function concatContract(geometry: Geometry, given: readonly TensorSpec[]): Contract {
  let place: Place | undefined;
  const branch: Tensor = { name: 'use_cache_branch', datatype: 'BOOL', shape: [1], data: Uint8Array.of(1) };
  return {
    keys: 'rows',
    outputs: newNames(geometry, (layer, what) => `present.${layer}.${what}`),
    inputs: (batch, cache) => [
      tokensOf(batch),
      positionsOf(batch),
      maskOf(batch, pastOf(batch, cache)),
      ...(given.some(({ name }) => name === branch.name) ? [branch] : []),
      ...cacheTensors(geometry, [batch, cache], (layer, what) => `past_key_values.${layer}.${what}`, 'rows'),
    ],
    logits: ({ data, shape }, { rows }) => {
      // Some graphs give those of the last token alone.
      const count = shape.at(-2) ?? 1;
      return rows.map((_, b) => slice(data, (b + 1) * count - 1, geometry.vocabulary));
    },
    remember: (outputs, batch, cache) => {
      place ??= placeIn(outputs, batch, cache);
      const past = pastOf(batch, cache);
      write(outputs, batch, cache, (length) => (place === 'after' ? length : past));
    },
  };
}

/** Where a graph that gives the whole cache back has what it added: after all of it, or after what the sequence had. */
type Place = 'end' | 'after';

/**
 * Seen by what lay beyond a sequence's own part: a graph that concatenates hands it back, GroupQueryAttention writes there.
 * Undefined while all sequences fill their blocks.
 */
function placeIn(outputs: readonly Tensor[], batch: Batch, cache: KeyValueCache): Place | undefined {
  const past = pastOf(batch, cache);
  const b = batch.rows.findIndex(({ length }) => length < past);
  const { length } = batch.rows[b] ?? { length: past };
  if (length >= past) return undefined;
  const isKept = outputs.every(({ data, shape: [, rows = 0, span = 0, width = 0] }, plane) => {
    if (!(data instanceof Float32Array)) return true;
    const before = cache.view(plane, batch.first + b, 1);
    const given = data.subarray(b * rows * span * width, (b + 1) * rows * span * width);
    return Array.from({ length: rows }, (_, row) => row).every((row) => {
      const [from, to] = [(row * past + length) * width, (row * span + length) * width];
      return before.subarray(from, from + width).every((value, index) => value === given[to + index]);
    });
  });
  return isKept ? 'end' : 'after';
}

function slice(data: TensorData, row: number, width: number): Float32Array {
  if (!(data instanceof Float32Array)) throw new TypeError('the logits are not FP32');
  return data.subarray(row * width, (row + 1) * width);
}

/** Writes what is new of each row; `startOf` says where that begins, by how much the row had. */
function write(
  outputs: readonly Tensor[],
  batch: Batch,
  cache: KeyValueCache,
  startOf: (length: number) => number,
): void {
  const count = spanOf(batch);
  for (const [plane, { data, name, shape }] of outputs.entries()) {
    if (!(data instanceof Float32Array)) throw new TypeError(`'${name}' is not FP32`);
    const transposed = data.length > 0 && plane % 2 === 0 && name.startsWith('new.');
    const span = shape[transposed ? 3 : 2] ?? 0;
    for (const [b, { length }] of batch.rows.entries()) {
      cache.write(plane, [batch.first + b, length], { data, batchIndex: b, span, start: startOf(length), count });
    }
  }
}

/** The contract of a graph with the given inputs. */
export function contractOf(geometry: Geometry, inputs: readonly TensorSpec[]): Contract {
  return geometry.contract === 'split-v1' ? splitContract(geometry) : concatContract(geometry, inputs);
}

/** The contract whose names a graph's inputs and outputs bear; undefined when it is no decoder. */
export function contractNamed(names: readonly string[]): ContractName | undefined {
  const has = (...wanted: readonly string[]): boolean => wanted.every((name) => names.includes(name));
  if (has('input_ids', 'bias', 'past.0.key', 'new.0.key')) return 'split-v1';
  return has('input_ids', 'past_key_values.0.key', 'present.0.key') ? 'concat' : undefined;
}
