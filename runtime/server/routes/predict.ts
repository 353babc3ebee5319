/** KServe v1's hot path: POST /v1/models/{m}:predict. */
import { readBody } from '../body.ts';
import {
  Connection,
  decodedPart,
  readyFor,
  recalled,
  requirePost,
  send,
  sendError,
  type Exchange,
  type Face,
  type Handler,
} from '../face.ts';
import { decodeInstances, encodePredictions } from '../protocol/kserve-v1.ts';

const predictPath = /^(?:http:\/\/[^/?#]+)?\/v1\/models\/([^/?]+):predict(?:\?|$)/;

async function answer(face: Face, name: string, [request, response]: Exchange): Promise<string> {
  const caller = new Connection(face, response);
  await recalled(face, name, caller);
  readyFor(face, response, [name]);
  const bytes = await readBody([request, response], face);
  const { model, facts } = readyFor(face, response, [name]);
  const inference = decodeInstances(bytes, facts);
  return encodePredictions(inference, await model.infer(inference, caller));
}

async function predict(face: Face, name: string, exchange: Exchange): Promise<void> {
  try {
    requirePost(exchange[0]);
    await send(face, exchange, { body: await answer(face, name, exchange), jsonLength: undefined });
  } catch (error) {
    sendError(face, exchange[1], error);
  }
}

/** Answers one request for predictions, whatever is wrong with it. */
export function predictRoute(url: string): Handler | undefined {
  const name = predictPath.exec(url)?.[1];
  return name === undefined ? undefined : (face, exchange) => void predict(face, decodedPart(name), exchange);
}
