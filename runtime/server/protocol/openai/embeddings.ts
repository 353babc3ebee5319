/** OpenAI's requests for embeddings → texts or tokens, and vectors → its answers. Pure. */
import { invalid, invalidParameter } from '../errors.ts';
import { isRecord } from '../json.ts';
import { Parameters } from './parameters.ts';

/** A request for embeddings. */
export interface EmbeddingRequest {
  readonly model: string;
  /** Each a text, or tokens. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly format: 'float' | 'base64';
  /** How long the vectors are to be; undefined is as long as they are. */
  readonly dimensions: number | undefined;
}

/** As many as OpenAI takes. */
const inputLimit = 2048;

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token) && Number(token) >= 0);

function inputsOf(parameters: Parameters): EmbeddingRequest['inputs'] {
  const value = parameters.any('input');
  if (value === undefined) throw invalidParameter('input', "'input' is missing");
  const inputs: readonly unknown[] = Array.isArray(value) && !isTokens(value) ? value : [value];
  const isInput = (input: unknown): input is string | readonly number[] =>
    isTokens(input) || (typeof input === 'string' && input !== '');
  if (inputs.length > 0 && inputs.length <= inputLimit && inputs.every(isInput)) return inputs;
  const message = `'input' is not a text that is not empty, a list of tokens, or a list of up to ${inputLimit} of these`;
  throw invalidParameter('input', message);
}

function formatOf(parameters: Parameters): EmbeddingRequest['format'] {
  const format = parameters.text('encoding_format') ?? 'float';
  if (format === 'float' || format === 'base64') return format;
  throw invalidParameter('encoding_format', "'encoding_format' is neither float nor base64");
}

/** Reads a request, or refuses it with one sentence. */
export function embeddingRequestOf(body: unknown): EmbeddingRequest {
  if (!isRecord(body)) throw invalid('the request is not an object');
  const parameters = new Parameters(body);
  const model = parameters.text('model') ?? '';
  if (model === '') throw invalidParameter('model', "'model' is missing");
  const dimensions = parameters.integer('dimensions', { min: 1, max: 1 << 20 }, undefined);
  return { model, inputs: inputsOf(parameters), format: formatOf(parameters), dimensions };
}

/** Little endian, as clients read it. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

/** The answer. */
export function embeddingAnswer(
  { model, format }: EmbeddingRequest,
  vectors: readonly Float32Array[],
  tokens: number,
): object {
  const data = vectors.map((vector, index) => {
    const embedding = format === 'base64' ? base64Of(vector) : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}
