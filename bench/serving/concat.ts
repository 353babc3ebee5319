/**
 * A step of eight answers where keys and values stay with us and only new rows come back (split), beside a model of the same
 * weights that takes the whole past and gives it back longer, as common exporters write it (concat). Split is written by our
 * scheduler; concat by the shortest loop there is, which hands each output on as the next input. Both must write the same
 * tokens. Prompts are read before the clock starts; sides alternate.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { greedy } from '../../runtime/server/decoding/sampling.ts';
import { Scheduler } from '../../runtime/server/decoding/scheduler.ts';
import { createSession, type Session } from '../../runtime/server/onnx.ts';
import type { Tensor } from '../../runtime/server/tensor.ts';
import { atLeast, conclude } from '../goals.ts';
import type { Spread } from '../measure.ts';
import { compared, rateOf, type Round } from '../rounds.ts';
import { trainerImage, writeLanguageModels } from './language.ts';
import { threads } from './sides.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const steps = Number(process.env.BENCH_STEPS ?? 64);
const answers = 8;
const contexts = [64, 448] as const;
const shape = { layers: 6, heads: 6, width: 384, contextLength: 576 } as const;
const headDim = shape.width / shape.heads;
const vocabulary = 259;

/** No two alike. */
const promptsOf = (context: number): readonly (readonly number[])[] =>
  Array.from({ length: answers }, (_, b) => Array.from({ length: context }, (__, i) => (31 * b + 7 * i + b * i) % 256));

/** What wrote, and how fast. */
interface Written {
  readonly tokensPerSecond: number;
  /** By answer, those of the steps that were timed. */
  readonly tokens: readonly (readonly number[])[];
}

type Step = () => Promise<readonly number[]>;

async function timed(step: Step): Promise<Written> {
  const tokens: number[][] = Array.from({ length: answers }, () => []);
  const began = performance.now();
  for (let done = 0; done < steps; done += 1) for (const [b, token] of (await step()).entries()) tokens[b]?.push(token);
  return { tokensPerSecond: (1000 * answers * steps) / (performance.now() - began), tokens };
}

const open = (folder: string, name: string): Promise<Session> =>
  createSession({
    ...{
      path: join(folder, name, 'model.onnx'),
      intraOpThreads: Number(threads),
      providers: ['cpu'],
      writesTokens: true,
    },
  });

/** Our scheduler over a model by our contract. */
function splitSide(session: Session) {
  const geometry = { contract: 'split-v1', ...shape, headDim, vocabulary, endTokens: [] } as const;
  const options = { path: '', intraOpThreads: 1, providers: ['cpu'] as const, geometry };
  const scheduler = new Scheduler(
    session,
    { ...options, slots: answers, prefillTokens: answers * shape.contextLength },
    () => performance.now(),
  );
  const step: Step = async () => {
    const { tokens, ended } = await scheduler.step();
    if (tokens.length !== answers || ended.length > 0) throw new Error('not every answer was given a token');
    return tokens.toSorted((one, other) => one.id - other.id).map(({ token }) => token);
  };
  return async (context: number): Promise<Written> => {
    for (const [id, prompt] of promptsOf(context).entries())
      scheduler.add({ id, prompt, maxTokens: shape.contextLength, sampling: greedy, ignoreEnd: true });
    // Reads all prompts, which brings the first token, and writes the second.
    await scheduler.step();
    const written = await timed(step);
    for (let id = 0; id < answers; id += 1) scheduler.cancel(id);
    while (scheduler.busy) await scheduler.step();
    return written;
  };
}

function integers(name: string, dims: readonly number[], values: readonly number[]): Tensor {
  return { name, datatype: 'INT64', shape: dims, data: BigInt64Array.from(values, BigInt) };
}

/** The likeliest token of each answer, of logits [answers, tokens, vocabulary] the last. */
function likeliest({ data, shape: [, count = 1] }: Tensor): readonly number[] {
  const logits = data as Float32Array;
  return Array.from({ length: answers }, (_, b) => {
    const row = logits.subarray(((b + 1) * count - 1) * vocabulary, (b + 1) * count * vocabulary);
    let best = 0;
    for (let token = 1; token < vocabulary; token += 1) if (row[token]! > row[best]!) best = token;
    return best;
  });
}

const names = Array.from({ length: shape.layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
const outputs = ['logits', ...names.map((name) => `present.${name}`)];

/** The loop that one writes around a model of common exporters. */
function concatSide(session: Session) {
  return async (context: number): Promise<Written> => {
    const nothing = { datatype: 'FP32', shape: [answers, shape.heads, 0, headDim], data: new Float32Array(0) } as const;
    let past: readonly Tensor[] = names.map((name) => ({ ...nothing, name: `past_key_values.${name}` }));
    let length = 0;
    const run = async (rows: readonly (readonly number[])[]): Promise<readonly number[]> => {
      const [span, seen] = [rows[0]!.length, length];
      length += span;
      const places = rows.flatMap((row) => row.map((_, i) => seen + i));
      const given = [
        integers('input_ids', [answers, span], rows.flat()),
        integers('position_ids', [answers, span], places),
        integers('attention_mask', [answers, length], new Array<number>(answers * length).fill(1)),
      ];
      const [logits, ...present] = await session.run([...given, ...past], outputs);
      past = present.map((tensor, plane) => ({ ...tensor, name: `past_key_values.${names[plane]!}` }));
      return likeliest(logits!);
    };
    let last = await run(promptsOf(context));
    const step: Step = async () => (last = await run(last.map((token) => [token])));
    await step();
    return timed(step);
  };
}

const rates: Record<string, Spread> = {};
const ratios: Record<string, Spread> = {};

type Side = (context: number) => Promise<Written>;

async function compare(context: number, split: Side, concat: Side): Promise<void> {
  const found: Round<'split' | 'concat'>[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const [ours, theirs] = [await split(context), await concat(context)];
    if (JSON.stringify(ours.tokens) !== JSON.stringify(theirs.tokens)) throw new Error('they write different tokens');
    if (round > 0) found.push({ split: ours.tokensPerSecond, concat: theirs.tokensPerSecond });
  }
  const name = `context ${context}`;
  ratios[`${name} split/concat`] = compared(`${name}, tokens/s`, found, ['split', 'concat']);
  for (const side of ['split', 'concat'] as const) rates[`${name} ${side}`] = rateOf(found, side);
}

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeLanguageModels(folder, trainerImage, ['writer', 'concat'], shape);
  const split = splitSide(await open(folder, 'writer'));
  const concat = concatSide(await open(folder, 'concat'));
  for (const context of contexts) await compare(context, split, concat);
  const goals = [
    atLeast(1.4, 'G10 eight at once, context 64, split beside concat', ratios['context 64 split/concat']),
    atLeast(2.5, 'G10 eight at once, context 448, split beside concat', ratios['context 448 split/concat']),
  ];
  const reference = 'a model of the same weights that takes its past and gives it back, in a loop';
  conclude({ name: 'serving-concat', reference, ratios, ...{ goals, steps, rates } });
} finally {
  rmSync(folder, { recursive: true });
}
