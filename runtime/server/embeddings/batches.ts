/** Texts as tokens → the tensors of a few runs, texts of about one length together. Pure. */
import { datatypes, type Tensor } from '../tensor.ts';
import type { TensorSpec } from '../protocol/request.ts';
import type { Embedder } from './embedder.ts';

/** Rows are filled up to a multiple of this, so that texts of different requests have a shape in common. */
const step = 16;

/** Most tokens of a run, the filling included: what the layers need for them is many times their size. */
const tokensAtOnce = 8192;
const textsAtOnce = 64;

/** Texts that are run together, by their places in the request. */
export interface TextBatch {
  readonly places: readonly number[];
  readonly counts: readonly number[];
  readonly inputs: readonly Tensor[];
}

/** The length of the row that a text gets: its own where nothing tells the model what is filling, or that counts all the same. */
function rowLength(count: number, { inputs, contextLength, alone = false }: Embedder): number {
  const fixed = inputs.find(({ name }) => name === 'input_ids')?.shape[1] ?? -1;
  if (fixed > 0) return fixed;
  const isMasked = inputs.some(({ name }) => name === 'attention_mask');
  return isMasked && !alone ? Math.min(Math.ceil(count / step) * step, contextLength) : count;
}

/** input_ids, attention_mask or token_type_ids: what it has for a text's own tokens; filling is 0 in all of them. */
function valueOf(name: string, token: number): number {
  if (name === 'input_ids') return token;
  return name === 'attention_mask' ? 1 : 0;
}

function tensorOf({ name, datatype }: TensorSpec, texts: readonly (readonly number[])[], length: number): Tensor {
  const data = datatypes[datatype].zeros(texts.length * length);
  for (const [row, tokens] of texts.entries()) {
    for (const [column, token] of tokens.entries()) {
      const value = valueOf(name, token);
      if (data instanceof BigInt64Array) data[row * length + column] = BigInt(value);
      else if (data instanceof Int32Array) data[row * length + column] = value;
    }
  }
  return { name, datatype, shape: [texts.length, length], data };
}

function* cut<T>(list: readonly T[], size: number): Generator<readonly T[], void, undefined> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size);
}

/** The runs for some texts, each of which has at least one token and fits into the context; `mostRows` says how many of a length the memory allows. Made as they are asked for. */
export function* batchesOf(
  texts: readonly (readonly number[])[],
  embedder: Embedder,
  mostRows: (length: number) => number = () => Infinity,
): Generator<TextBatch, void, undefined> {
  const byLength = Map.groupBy(texts.keys(), (place) => rowLength(texts[place]?.length ?? 0, embedder));
  const isAlone = embedder.alone === true || embedder.inputs.some(({ shape }) => shape[0] === 1);
  for (const [length, all] of byLength) {
    const roomy = Math.min(mostRows(length), Math.max(1, Math.floor(tokensAtOnce / length)));
    const most = isAlone ? 1 : Math.min(textsAtOnce, roomy);
    for (const places of cut(all, most)) {
      const tokens = places.map((place) => texts[place] ?? []);
      const inputs = embedder.inputs.map((spec) => tensorOf(spec, tokens, length));
      yield { places, counts: tokens.map((each) => each.length), inputs };
    }
  }
}
