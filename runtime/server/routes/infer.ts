/** The hot path: POST /v2/models/{m}[/versions/{v}]/infer, from the request's bytes to one write of the answer. */
import { readBody } from '../body.ts';
import {
  Connection,
  decodedPart,
  headerOf,
  holdStrings,
  readyFor,
  recalled,
  requirePost,
  send,
  sendError,
  type Exchange,
  type Face,
  type Handler,
} from '../face.ts';
import type { Reply } from '../protocol/reply.ts';
import { decodeRequest, encodeResult, jsonLengthOf } from '../protocol/open-inference.ts';

/** A model that a path names. */
export interface Target {
  readonly name: string;
  readonly version: string | undefined;
}

/** Clients that think they talk to a proxy put scheme and host before the path. */
const inferPath = /^(?:http:\/\/[^/?#]+)?\/v2\/models\/([^/?]+)(?:\/versions\/([^/?]+))?\/infer(?:\?|$)/;

/** The model of an infer path; undefined for every other path. */
export function targetOf(url: string): Target | undefined {
  const match = inferPath.exec(url);
  if (match?.[1] === undefined) return undefined;
  return { name: decodedPart(match[1]), version: match[2] === undefined ? undefined : decodedPart(match[2]) };
}

async function answer(face: Face, { name, version }: Target, [request, response]: Exchange): Promise<Reply> {
  const caller = new Connection(face, response);
  await recalled(face, name, caller);
  // Refused before the body is read where it can be; asked again after, since the model may have been replaced meanwhile.
  readyFor(face, response, [name, version]);
  const lengthIn = (bodyLength: number): number | undefined =>
    jsonLengthOf(headerOf(request, 'inference-header-content-length'), bodyLength);
  const bytes = await readBody([request, response], face, (bodyLength) => lengthIn(bodyLength) ?? bodyLength);
  const { model, facts } = readyFor(face, response, [name, version]);
  const jsonLength = lengthIn(bytes.length);
  const inference = decodeRequest({ bytes, jsonLength, countStrings: holdStrings(face, response) }, facts);
  return encodeResult(model, inference, await model.infer(inference, caller));
}

async function infer(face: Face, target: Target, exchange: Exchange): Promise<void> {
  const [request, response] = exchange;
  try {
    requirePost(request);
    await send(face, exchange, await answer(face, target, exchange));
  } catch (error) {
    sendError(face, response, error);
  }
}

/** Answers one inference request, whatever is wrong with it. */
export function inferRoute(url: string): Handler | undefined {
  const target = targetOf(url);
  return target && ((face, exchange) => void infer(face, target, exchange));
}
