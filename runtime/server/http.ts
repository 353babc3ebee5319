/** The server's listener: inference straight on node:http, which is more than twice as fast, everything else on express. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerMalformed, malformedOptions, refuseWithoutHost } from '../../process/malformed.ts';
import type { Registry } from '../../process/metrics.ts';
import { infer, targetOf, type Face } from './inference-route.ts';
import { createRoutes, type ServerFacts } from './routes.ts';

/**
 * Small answers must not wait for the acknowledgement of the last one; idle clients of gateways stay connected for long;
 * a head must come within 10 seconds, or clients that never finish one would pile up.
 */
const options = {
  noDelay: true,
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  ...malformedOptions,
} as const;

/** A server that is not listening yet. */
export function createHttpServer(face: Face, registry: Registry, facts: ServerFacts): Server {
  const routes = createRoutes(face, registry, facts);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    if (refuseWithoutHost(request, response)) return;
    const target = targetOf(request.url ?? '');
    if (target === undefined) routes(request, response);
    else void infer(face, target, [request, response]);
  };
  const server = createServer(options, listener);
  answerMalformed(server);
  return server;
}

/** Stops listening, lets answers in flight finish, and resolves when the last connection is closed. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
