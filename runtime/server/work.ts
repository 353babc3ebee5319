/** A request for tensors as the batcher has it: what it may be joined with, and the tensors of those that are joined. */
import type { Batchable, Caller, Terms } from './batcher.ts';
import { levels } from './line.ts';
import { invalid } from './protocol/errors.ts';
import type { InferenceRequest } from './protocol/request.ts';
import { sum } from './sum.ts';
import { concatBatch, splitBatch, type Tensor } from './tensor.ts';
import type { RequestTrace } from './tracing/trace.ts';

/** Who asked, and when. */
export interface Asked {
  /** By the engine's clock, in milliseconds. */
  readonly queuedAt: number;
  readonly trace: RequestTrace | undefined;
}

/** One request. */
export interface Work extends Batchable, Asked {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}

/** What a model joins. */
export interface JoinBounds {
  /** Whether its requests may be joined at all. */
  readonly joins: boolean;
  /** Most rows of a batch. */
  readonly maxBatch: number;
  /** Of requests of these lengths, where that is fewer. */
  readonly most?: number;
}

/** The work of a request. Refuses inputs that disagree on the number of rows. */
export function workOf(
  { inputs, outputs }: InferenceRequest,
  { joins, maxBatch, most }: JoinBounds,
  asked: Asked,
): Work {
  const { queuedAt, trace } = asked;
  const names = outputs.map(({ name }) => name);
  // `maxBatch` is enforced by `rows`: what cannot be joined gives every request the full size.
  if (!joins) return { inputs, outputs: names, rows: maxBatch, key: '', queuedAt, trace };
  const rows = inputs[0]?.shape[0] ?? 0;
  for (const { name, shape } of inputs) {
    if (shape[0] !== rows)
      throw invalid(`input '${name}' has ${shape[0] ?? 0} rows, '${inputs[0]?.name ?? ''}' has ${rows}`);
  }
  return {
    inputs,
    outputs: names,
    rows,
    ...(most !== undefined && { most }),
    key: keyOf(inputs, names),
    queuedAt,
    trace,
  };
}

/** How a request stands in the line: by what it says itself and by its caller's patience; undefined when neither says anything. */
export function termsOf({ policy }: InferenceRequest, caller: Caller | undefined, queuedAt: number): Terms | undefined {
  const patienceMs = caller?.patienceMs;
  if (policy === undefined && patienceMs === undefined) return undefined;
  const { level, timeoutMs } = policy ?? { level: levels.usual, timeoutMs: Infinity };
  return { level, deadline: queuedAt + Math.min(timeoutMs, patienceMs ?? Infinity) };
}

/** Whether work gains nothing by waiting before it is given to a worker: nothing can join it, and no deadline can pass meanwhile. */
export function isFinal(
  { rows, most = Infinity }: Work,
  { deadline }: Terms,
  { maxBatch }: Pick<JoinBounds, 'maxBatch'>,
): boolean {
  return rows >= Math.min(maxBatch, most) && deadline === Infinity;
}

/** Requests with equal keys differ in nothing but the number of rows. */
function keyOf(inputs: readonly Tensor[], outputs: readonly string[]): string {
  return `${inputs.map(({ shape }) => shape.slice(1).join()).join('|')}>${outputs.join('|')}`;
}

/** What a batch counts in the statistics: its rows, or 1 where a request has none. */
export function countedRows(batch: readonly Work[], facts: { readonly hasRows: boolean } | undefined): number {
  return facts?.hasRows === true ? sum(batch.map(({ inputs }) => inputs[0]?.shape[0] ?? 1)) : batch.length;
}

/** The inputs of a batch, joined one by one. */
export function joined(batch: readonly Work[]): readonly Tensor[] {
  const names = batch[0]?.inputs ?? [];
  if (batch.length === 1) return names;
  return names.map((_, index) =>
    concatBatch(batch.map(({ inputs }) => inputs[index]).filter((tensor) => tensor !== undefined)),
  );
}

/** Of the outputs of a batch everybody's own. */
export function parted(batch: readonly Work[], outputs: readonly Tensor[]): readonly (readonly Tensor[])[] {
  if (batch.length === 1) return [outputs];
  const rows = batch.map((work) => work.rows);
  const parts = outputs.map((output) => splitBatch(output, rows));
  return batch.map((_, index) => parts.map((part) => part[index]).filter((tensor) => tensor !== undefined));
}

/** Who runs a batch, as traces name it. */
export interface Runner {
  readonly model: string;
  readonly version: string;
  readonly now: () => number;
}

/** Runs a batch, which says when that began, and tells those who trace it, whatever becomes of it. */
export async function toldRun<R>(
  batch: readonly Work[],
  { model, version, now }: Runner,
  run: (tell: (startedAt: number) => void) => Promise<R>,
): Promise<R> {
  let startedAt = now();
  let failed = true;
  try {
    const results = await run((at) => {
      startedAt = at;
    });
    failed = false;
    return results;
  } finally {
    const common = { model, version, startedAt, endedAt: now(), requests: batch.length, failed };
    for (const { trace, queuedAt } of batch) trace?.ran({ ...common, queuedAt });
  }
}
