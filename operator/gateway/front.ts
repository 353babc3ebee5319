/**
 * The front door: request → service → seat → replica. Health of a service is answered here, without waking it, and that of
 * the gateway itself; every other path goes to a replica. Raw node:http: this is the hot path.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import { answerHalfClosed } from '../../process/half-closed.ts';
import { answerMalformed, malformedOptions, refuseWithoutHost } from '../../process/malformed.ts';
import { requestIdOf } from '../../process/request-id.ts';
import { dropUnread } from '../../process/unread.ts';
import { answerJson, answerText, refuse } from './answers.ts';
import type { BodyRules } from './body.ts';
import { Exchange, type Call } from './exchange.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Service } from './service.ts';
import { holdHead, type Shares } from './shares.ts';
import { targetOf } from './target.ts';

export interface FrontPorts {
  readonly services: ReadonlyMap<string, Service>;
  /** False until the caches hold everything: what is unknown until then may exist. */
  readonly synced: () => boolean;
  readonly draining: () => boolean;
  readonly domain: string | undefined;
  readonly body: Omit<BodyRules, 'budget'>;
  readonly shares: Shares;
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

const starting = 'the gateway is starting';

const withoutQuery = (path: string): string => path.split('?', 1)[0] ?? path;

/** Undefined: ready. Otherwise the sentence that says why not. */
function ownFault({ draining, synced }: FrontPorts): string | undefined {
  if (draining()) return 'the gateway is stopping';
  return synced() ? undefined : starting;
}

/**
 * The gateway's own health, as on its admin port: load balancers ask on the port to which they send requests, and by whatever
 * Host. False: the path is not about it.
 */
function answerOwnHealth(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): boolean {
  const path = withoutQuery(request.url ?? '');
  if (request.method === 'POST' || (path !== '/healthz' && path !== '/readyz')) return false;
  const fault = path === '/readyz' ? ownFault(ports) : undefined;
  answerText(response, fault === undefined ? 200 : 503, fault ?? 'ok');
  return true;
}

/**
 * Proxies judge a path after `..` in it was resolved, and some hand it on as it came: it would lead from one service to another.
 * Nearly every path has neither text, which is found out sooner.
 */
const leadsOut = (path: string): boolean =>
  (path.includes('/.') || path.includes('%2')) && /^[^?]*(?:\/|%2f)(?:\.|%2e){1,2}(?:[/?]|%2f|$)/i.test(path);

/** Nothing else that a replica tells is the caller's business, nor worth waking one: its metrics above all. */
const isProtocol = (path: string): boolean => /^\/v[12](?:[/?]|$)/.test(path) && !leadsOut(path);

function refuseUnknown(ports: FrontPorts, request: IncomingMessage, response: ServerResponse, sentence: string): void {
  const code = ports.synced() ? 404 : 503;
  ports.metrics.unknown(code);
  if (code === 404) refuse(request, response, { code, sentence });
  else refuse(request, response, { code, sentence: starting, retryAfterSeconds: 1 });
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

interface Addressee {
  readonly service: Service;
  readonly path: string;
}

const nobody =
  'neither Host (<service>.<namespace>...) nor path (/namespaces/<namespace>/services/<service>/...) names a service';

/** Whom a request is for. Undefined: no service that there is, and it was answered. */
function addresseeOf(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): Addressee | undefined {
  const target = targetOf(request.headers.host ?? '', request.url ?? '/', ports.domain);
  const service = target === undefined ? undefined : ports.services.get(target.key);
  if (target !== undefined && service !== undefined) return { service, path: target.path };
  // Also by a Host that has the form of a service's and is none, as `models.internal`.
  if (answerOwnHealth(ports, request, response)) return undefined;
  const sentence = target === undefined ? nobody : `there is no ModelService ${target.key}`;
  refuseUnknown(ports, request, response, sentence);
  return undefined;
}

/** What is to be asked of a replica. Undefined: nothing, and it was answered. */
function callOf(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): Call | undefined {
  if (refuseWithoutHost(request, response) || refuseMethod(ports, request, response)) return undefined;
  if (ports.draining()) response.shouldKeepAlive = false;
  const addressee = addresseeOf(ports, request, response);
  if (addressee === undefined) return undefined;
  const { service, path } = addressee;
  if (request.method !== 'POST' && answerHealth(withoutQuery(path), service, response)) return undefined;
  if (!isProtocol(path)) {
    refuseUnknown(ports, request, response, 'only /v1, /v2 and what is below them is served here');
    return undefined;
  }
  const requestId = requestIdOf(request.headers['x-request-id'], ports.newId);
  return { request, response, service, path, requestId };
}

/** Who holds what is for no service. */
const doorkeeper = { key: '/', namespace: '' };

function answer(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): void {
  const queues = response.socket === null;
  const call = callOf(ports, request, response);
  if (call !== undefined) new Exchange(call, ports).start();
  // What is answered here is over at once, unless its connection has others to answer before.
  else if (queues) holdHead(request, response, ports.shares.of(doorkeeper));
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
