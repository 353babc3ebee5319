/** The server's listener: hot paths straight on node:http, which is more than twice as fast, everything else on express. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { systemClock } from '../../process/clock.ts';
import { answerHalfClosed } from '../../process/half-closed.ts';
import {
  answerMalformed,
  malformedOptions,
  refuseWithoutHost,
  type MalformedShape,
  type NameOf,
} from '../../process/malformed.ts';
import type { Registry } from '../../process/metrics.ts';
import { requestIdOf } from '../../process/request-id.ts';
import { dropUnread } from '../../process/unread.ts';
import { observeHttp } from './access-log.ts';
import { wholeWithinMs } from './body.ts';
import type { Face, Handler, HotRoute } from './face.ts';
import { invalid } from './protocol/errors.ts';
import { isOpenAiPath, openAiError } from './protocol/openai/errors.ts';
import { createRoutes } from './routes.ts';
import { dropSlow } from './slow-readers.ts';
import { inferRoute } from './routes/infer.ts';
import { openAiRoute } from './routes/openai.ts';
import { predictRoute } from './routes/predict.ts';
import type { ServerFacts } from './descriptions.ts';

/** One line for each protocol's hot path, in the order of their traffic. */
const hotRoutes: readonly HotRoute[] = [inferRoute, openAiRoute, predictRoute];

/**
 * Small answers must not wait for the acknowledgement of the last one; idle clients of gateways stay connected for long;
 * a head must come within 10 seconds, or clients that never finish one would pile up. What the gateway takes (32 KiB) is
 * taken here, with what it adds.
 */
const options = {
  noDelay: true,
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  maxHeaderSize: 36 << 10,
  connectionsCheckingInterval: 5_000,
  ...malformedOptions,
} as const;

/** OpenAI's clients know errors of their own shape alone, whatever is wrong. */
const malformedShape: MalformedShape = ({ status, sentence, path = '' }) =>
  isOpenAiPath(path) ? openAiError(invalid(sentence), status) : { error: sentence };

/** How often a server that closes looks for connections that have become idle. */
const idleSweepMs = 250;

function hotHandlerOf(url: string): Handler | undefined {
  for (const route of hotRoutes) {
    const handler = route(url);
    if (handler !== undefined) return handler;
  }
  return undefined;
}

/** A server that is not listening yet. */
export function createHttpServer(face: Face, registry: Registry, facts: ServerFacts): Server {
  const routes = createRoutes(face, registry, facts);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    if (refuseWithoutHost(request, response, malformedShape)) return;
    face.tracing?.http(request, response);
    observeHttp(face.access, request, response);
    const handler = hotHandlerOf(request.url ?? '');
    if (handler === undefined) routes(request, response);
    else handler(face, [request, response]);
  };
  const server = createServer({ ...options, requestTimeout: wholeWithinMs(face) }, listener);
  const nameOf: NameOf = ({ headers }) => requestIdOf(headers['x-request-id'], face.access.newId);
  answerMalformed(server, malformedShape, nameOf);
  answerHalfClosed(server, systemClock);
  dropUnread(server);
  dropSlow(server);
  return server;
}

/** Stops listening, lets answers in flight finish, and resolves when the last connection is closed. */
export async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // A connection whose stream ends later, and which was not told to close, is idle only then.
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  await promise.finally(() => clearInterval(sweep));
}
