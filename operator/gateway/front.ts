/**
 * The front door: request → service → seat → replica. Health of a service is answered here, without waking it; every
 * other path goes to a replica. Raw node:http: this is the hot path.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import { answerHalfClosed } from '../../process/half-closed.ts';
import { answerMalformed, malformedOptions, refuseWithoutHost } from '../../process/malformed.ts';
import { requestIdOf } from '../../process/request-id.ts';
import { dropUnread } from '../../process/unread.ts';
import { answerJson, refuse } from './answers.ts';
import type { BodyRules } from './body.ts';
import { Exchange } from './exchange.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Service } from './service.ts';
import { targetOf } from './target.ts';

export interface FrontPorts {
  readonly services: ReadonlyMap<string, Service>;
  /** False until the caches hold everything: what is unknown until then may exist. */
  readonly synced: () => boolean;
  readonly draining: () => boolean;
  readonly domain: string | undefined;
  readonly body: BodyRules;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Whether this request is written to the access log. */
  readonly sampled: () => boolean;
  readonly log: Log;
  /** Called after every request. */
  readonly ended: () => void;
}

/** live: the gateway answers for it. ready: its Ready condition. False: the path is not about health. */
function answerHealth(path: string, service: Service, response: ServerResponse): boolean {
  const { notReady } = service.route;
  if (path === '/v2/health/live') answerJson(response, 200, { live: true });
  else if (path !== '/v2/health/ready') return false;
  else if (notReady === undefined) answerJson(response, 200, { ready: true, live: true });
  else answerJson(response, 503, { ready: false, live: true, error: notReady });
  return true;
}

const withoutQuery = (path: string): string => path.split('?', 1)[0] ?? path;

/** Nothing else that a replica tells is the caller's business, nor worth waking one: its metrics above all. */
const isProtocol = (path: string): boolean => /^\/v[12](?:[/?]|$)/.test(path);

function refuseUnknown(ports: FrontPorts, request: IncomingMessage, response: ServerResponse, sentence: string): void {
  const code = ports.synced() ? 404 : 503;
  ports.metrics.unknown(code);
  if (code === 404) refuse(request, response, { code, sentence });
  else refuse(request, response, { code, sentence: 'the gateway is starting', retryAfterSeconds: 1 });
}

const methods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'POST']);

/** No path of the protocol takes any other method: no reason to wake a replica, which would say the same. */
function refuseMethod({ metrics }: FrontPorts, request: IncomingMessage, response: ServerResponse): boolean {
  if (methods.has(request.method)) return false;
  const allow = [...methods].join(', ');
  metrics.unknown(405);
  response.setHeader('allow', allow);
  refuse(request, response, { code: 405, sentence: `${request.method ?? ''} is not allowed here, ${allow} are` });
  return true;
}

function answer(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): void {
  if (refuseWithoutHost(request, response) || refuseMethod(ports, request, response)) return;
  if (ports.draining()) response.shouldKeepAlive = false;
  const target = targetOf(request.headers.host ?? '', request.url ?? '/', ports.domain);
  if (target === undefined) {
    const sentence =
      'neither Host (<service>.<namespace>...) nor path (/namespaces/<namespace>/services/<service>/...) names a service';
    refuseUnknown(ports, request, response, sentence);
    return;
  }
  const service = ports.services.get(target.key);
  if (service === undefined) {
    refuseUnknown(ports, request, response, `there is no ModelService ${target.key}`);
    return;
  }
  if (request.method !== 'POST' && answerHealth(withoutQuery(target.path), service, response)) return;
  if (!isProtocol(target.path)) {
    refuseUnknown(ports, request, response, 'only /v1, /v2 and what is below them is served here');
    return;
  }
  const requestId = requestIdOf(request.headers['x-request-id'], ports.newId);
  new Exchange({ request, response, service, path: target.path, requestId }, ports).start();
}

/** The server of the front door, not yet listening. */
export function createFront(ports: FrontPorts): Server {
  const server = createServer(
    {
      // A head must come within 10 s; bodies are watched by body.ts, since a held one may rest for minutes.
      headersTimeout: 10_000,
      requestTimeout: 0,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 65_000,
      maxHeaderSize: 32 * 1024,
      noDelay: true,
      ...malformedOptions,
    },
    (request, response) => answer(ports, request, response),
  );
  answerMalformed(server);
  answerHalfClosed(server, ports.clock);
  dropUnread(server);
  return server;
}
