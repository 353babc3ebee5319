/** POST /v1/embeddings. */
import { setImmediate as others } from 'node:timers/promises';
import { readJsonBody } from '../body.ts';
import type { TextCodec } from '../decoding/text-codec.ts';
import { batchesOf } from '../embeddings/batches.ts';
import type { Embedder } from '../embeddings/embedder.ts';
import { vectorsOf } from '../embeddings/vectors.ts';
import {
  Connection,
  readyFor,
  recalled,
  requirePost,
  send,
  sendError,
  type Exchange,
  type Face,
  type Handler,
} from '../face.ts';
import type { Model } from '../model.ts';
import { requireCaller, wholly } from '../patience.ts';
import { abandoned, invalid, invalidParameter } from '../protocol/errors.ts';
import { embeddingAnswer, embeddingRequestOf, type EmbeddingRequest } from '../protocol/openai/embeddings.ts';
import { openAiError } from '../protocol/openai/errors.ts';

/** What answers a request for embeddings. */
interface Source {
  readonly model: Model;
  readonly embedder: Embedder;
  readonly codec: TextCodec;
}

function sourceOf(face: Face, response: Exchange[1], name: string): Source {
  const { model, facts } = readyFor(face, response, [name]);
  const { embedder } = facts;
  if (embedder !== undefined && model.codec !== undefined) return { model, embedder, codec: model.codec };
  throw invalidParameter('model', `'${name}' gives no embeddings`);
}

async function tokensOf(
  input: string | readonly number[],
  index: number,
  [{ embedder, codec }, caller]: [Source, Connection],
): Promise<readonly number[]> {
  const { contextLength } = embedder;
  const options = { limit: contextLength, special: true };
  const goesOn = (): void => requireCaller(caller);
  const tokens = typeof input === 'string' ? await codec.encodeAside(input, options, goesOn) : input;
  if (tokens === undefined || tokens.length > contextLength) {
    const found = tokens === undefined ? 'many more' : String(tokens.length);
    const message = `the model's context is ${contextLength} tokens; input ${index} has ${found}`;
    throw invalidParameter('input', message, 'context_length_exceeded');
  }
  if (tokens.length === 0) throw invalidParameter('input', `input ${index} has no tokens`);
  const stranger = tokens.find((token) => token >= codec.size);
  if (stranger === undefined) return tokens;
  throw invalidParameter('input', `the model has no token ${stranger}; it has ${codec.size}`);
}

async function allTokens(
  { inputs }: EmbeddingRequest,
  source: Source,
  caller: Connection,
): Promise<readonly (readonly number[])[]> {
  const all: (readonly number[])[] = [];
  for (const [index, input] of inputs.entries()) {
    requireCaller(caller);
    all.push(await tokensOf(input, index, [source, caller]));
    // Encoding blocks.
    await others();
  }
  return all;
}

/** The length that is asked for, where vectors are to be cut at all. */
function widthOf({ dimensions }: EmbeddingRequest, { embedder }: Source, whole: number): number | undefined {
  if (dimensions === undefined || dimensions === whole || embedder.dimensions.includes(dimensions)) return dimensions;
  const offered = [...embedder.dimensions, whole].join(', ');
  throw invalidParameter('dimensions', `the model's embeddings have no ${dimensions} dimensions; it offers ${offered}`);
}

async function embed(request: EmbeddingRequest, source: Source, caller: Connection): Promise<object> {
  const { model, embedder } = source;
  const texts = await allTokens(request, source, caller);
  const vectors = new Array<Float32Array>(texts.length);
  const mostRows = (length: number): number => model.mostRows([1, length]);
  for (const { places, counts, inputs } of batchesOf(texts, embedder, mostRows)) {
    if (caller.aborted) throw abandoned();
    const asked = { inputs, outputs: [{ name: embedder.output, binary: false }] };
    const [output] = (await model.infer(asked, caller)).outputs;
    if (output === undefined) throw new TypeError('the model gave nothing');
    const width = widthOf(request, source, output.shape.at(-1) ?? 0);
    const { pooling, normalise } = embedder;
    for (const [index, vector] of vectorsOf(output, counts, { pooling, normalise, width }).entries())
      vectors[places[index] ?? -1] = vector;
  }
  const tokens = texts.reduce((sum, { length }) => sum + length, 0);
  return embeddingAnswer(request, vectors, tokens);
}

async function answer(face: Face, exchange: Exchange): Promise<void> {
  try {
    requirePost(exchange[0]);
    const caller = new Connection(face, exchange[1]);
    const body = await readJsonBody(exchange, face);
    if (body === undefined) throw invalid('the request has no body');
    const request = embeddingRequestOf(body);
    await recalled(face, request.model, caller);
    caller.trace?.asked('embeddings', request.model);
    const source = sourceOf(face, exchange[1], request.model);
    const found = await source.model.tasks.during(() => wholly(() => embed(request, source, caller)));
    await send(face, exchange, { body: JSON.stringify(found), jsonLength: undefined });
  } catch (error) {
    sendError(face, exchange[1], error, openAiError);
  }
}

/** Answers one request for embeddings, whatever is wrong with it. */
export const embeddingHandler: Handler = (face, exchange) => void answer(face, exchange);
