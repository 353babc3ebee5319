/**
 * Stands between one operator process and a real API server: passes on, notes, and does what the plan says. Once cut it
 * passes nothing more, so that a killed operator cannot have another effect, whatever still runs in it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import type { Access } from '../../operator/kernel/credentials.ts';
import { linesOf } from '../../operator/kernel/frames.ts';
import type { Deed, Meddling, WriteVerdict } from './interference.ts';
import type { Gate } from './gate.ts';
import type { Release } from './plan.ts';
import { framesOf, pastOf } from './past.ts';
import type { Exchange, Frame, Trace } from './trace.ts';

export interface ProxyOptions {
  readonly access: Access;
  readonly upstream: Agent;
  readonly trace: Trace;
  readonly interference: Meddling;
  readonly instance: number;
  /** The operator behind this proxy is dead: start another, of this release where it is to be another one. */
  readonly crashed: (release?: Release) => void;
  /** Somebody does this now; resolves when the API server has taken it. */
  readonly befell: (deed: Deed, stored: Promise<unknown>) => Promise<void>;
  /** Who may pass; everyone, over plain HTTP, where there is none. */
  readonly gate?: Gate;
}

/** Every watch has a connection of its own: what they have in common is read once. */
export const upstreamOf = ({ tls }: Access): Agent =>
  new Agent({ connect: { ...tls, secureContext: createSecureContext(tls) }, allowH2: false, bodyTimeout: 0 });

/** As an API server's. A process that wakes after seconds finds its connections as they were. */
const idleConnectionMs = 90_000;
const encoder = new TextEncoder();
const status = (code: number, reason: string): object => ({
  ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' },
  ...{ code, reason, message: `the plan says ${String(code)}` },
});
const reasons: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  409: 'Conflict',
  401: 'Unauthorized',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  504: 'Timeout',
};

export class FaultProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #cutting = new AbortController();
  readonly #partitioned = new Set<string>();
  #hold: { readonly over: Promise<void>; writes: number } | undefined;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    };
    this.#server = options.gate === undefined ? createServer(serve) : options.gate.server(serve);
    this.#server.keepAliveTimeout = idleConnectionMs;
  }

  static async start(options: ProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const scheme = this.#options.gate === undefined ? 'http' : 'https';
    return `${scheme}://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Nothing passes from here on. */
  cut(): void {
    this.#cutting.abort();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Requests about this resource are never answered from here on. */
  partition(resource: string): void {
    this.#partitioned.add(resource);
  }

  /** From here on writes, but for those of a lease, stay on the way until the result is called: it tells how many did. */
  holdWrites(): () => number {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const hold = { over, writes: 0 };
    this.#hold = hold;
    return () => {
      this.#hold = undefined;
      end();
      return hold.writes;
    };
  }

  /** False where its sender has hung up meanwhile: what an API server has not begun by then it does not begin. */
  async #arrives({ resource }: Exchange, outgoing: ServerResponse): Promise<boolean> {
    if (this.#hold === undefined || resource === 'leases') return true;
    this.#hold.writes += 1;
    await this.#hold.over;
    return !outgoing.destroyed;
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    if (this.#cutting.signal.aborted) {
      outgoing.destroy();
      return;
    }
    const { trace, instance, gate } = this.#options;
    const { method = '', url = '' } = incoming;
    if (gate?.admits(incoming) === false) {
      answer(outgoing, 401);
      return;
    }
    const exchange = trace.begin({ method, url, body: body.toString('utf8') }, instance);
    try {
      await this.#carryOut(exchange, { incoming, outgoing, body });
    } finally {
      trace.end(exchange);
    }
  }

  async #carryOut(exchange: Exchange, { incoming, outgoing, body }: Wire): Promise<void> {
    const { interference } = this.#options;
    if (this.#partitioned.has(exchange.resource)) return;
    if (exchange.write > 0) {
      if (!(await this.#arrives(exchange, outgoing))) return;
      return this.#write(exchange, interference.write(exchange), { incoming, outgoing, body });
    }
    const { waitMs, refuse, exactVersion } = interference.read(exchange);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (refuse !== undefined) {
      answer(outgoing, refuse);
      return;
    }
    if (exactVersion !== undefined) incoming.url = pastOf(incoming.url ?? '', exactVersion);
    const reply = await this.#forward(exchange, incoming, body);
    if (exactVersion !== undefined && exchange.isWatch && reply.statusCode === 200) {
      outgoing.end(framesOf(await reply.body.text()));
      return;
    }
    if (!exchange.isWatch || reply.statusCode !== 200) return passOn(await keptOf(reply, exchange), outgoing);
    return this.#stream(exchange.resource, reply, outgoing);
  }

  /** Somebody's deed happens when the write is stored and the operator does not know it yet. */
  async #write(exchange: Exchange, verdict: WriteVerdict, { incoming, outgoing, body }: Wire): Promise<void> {
    const { crashed, befell, gate } = this.#options;
    const die = (release?: Release): void => {
      this.cut();
      crashed(release);
    };
    if (verdict.kind === 'crash' && verdict.moment === 'before') {
      die();
      return;
    }
    if (verdict.kind === 'rotate') {
      gate?.rotate(verdict.what, verdict.lateMs);
      this.#server.closeAllConnections();
      return;
    }
    if (verdict.kind === 'answer' && !verdict.committed) {
      answer(outgoing, verdict.status);
      return;
    }
    const forwarded = this.#forward(exchange, incoming, body).then((reply) => keptOf(reply, exchange));
    const deed = verdict.kind === 'user' ? befell(verdict.deed, forwarded) : undefined;
    const [reply] = await Promise.all([forwarded, deed]);
    exchange.version = versionIn(reply);
    if (verdict.kind === 'crash' && verdict.moment === 'committed') {
      die();
      return;
    }
    if (verdict.kind === 'answer') {
      answer(outgoing, verdict.status);
      return;
    }
    await passOn(reply, outgoing);
    if (verdict.kind === 'crash') setImmediate(() => die(verdict.release));
  }

  async #forward(exchange: Exchange, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Reply> {
    const { access, upstream } = this.#options;
    const own = new Set(['host', 'connection', 'content-length', 'authorization']);
    const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
    const reply = await request(new URL(url ?? '', access.server), {
      dispatcher: upstream,
      method: method as Dispatcher.HttpMethod,
      headers: { ...kept, ...access.headers },
      body: body.length === 0 ? null : body,
      // A write that was sent is carried out, even if the one who sent it is dead.
      ...(exchange.isWatch ? { signal: this.#cutting.signal } : {}),
    });
    exchange.status = reply.statusCode;
    return reply;
  }

  async #stream(resource: string, reply: Reply, outgoing: ServerResponse): Promise<void> {
    const { interference, instance, trace } = this.#options;
    outgoing.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    outgoing.on('close', () => reply.body.destroy());
    reply.body.on('error', () => outgoing.destroy());
    const lastsMs = interference.watchLastsMs();
    if (lastsMs !== undefined) setTimeout(() => outgoing.end(), lastsMs).unref();
    let silent = false;
    for await (const line of linesOf(reply.body)) {
      if (outgoing.destroyed || outgoing.writableEnded) return;
      const { isOfObject, ...frame } = frameIn(line);
      const planned = silent ? 'silence' : 'pass';
      const verdict = isOfObject && !silent ? await interference.frame(resource, frame.version) : planned;
      trace.given({ ...frame, instance, resource, verdict });
      if (verdict === 'silence') silent = true;
      else if (!give(verdict, line, outgoing)) return;
    }
    if (!silent) outgoing.end();
  }
}

type Reply = Dispatcher.ResponseData;

interface Wire {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
}

/** Hands a frame over, or what the plan makes of it; false when the stream is over. */
function give(verdict: 'pass' | 'reset' | 'half' | 'gone', line: string, outgoing: ServerResponse): boolean {
  switch (verdict) {
    case 'pass':
      outgoing.write(`${line}\n`);
      return true;
    case 'half':
      outgoing.write(line.slice(0, line.length / 2), () => outgoing.destroy());
      return false;
    case 'reset':
      outgoing.destroy();
      return false;
    case 'gone':
      outgoing.end(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired') })}\n`);
      return false;
  }
}

/** Of the object that was stored; '' where nothing was, or the answer is a mere Status. */
function versionIn({ statusCode, body }: Whole): string {
  if (statusCode >= 300) return '';
  const { metadata } = JSON.parse(body.toString('utf8')) as { metadata?: { resourceVersion?: string } };
  return metadata?.resourceVersion ?? '';
}

/** Bookmarks and errors are about no object. */
function frameIn(line: string): Pick<Frame, 'type' | 'name' | 'version'> & { readonly isOfObject: boolean } {
  const event = JSON.parse(line) as {
    type: string;
    object?: { metadata?: { name?: string; resourceVersion?: string } };
  };
  const { name = '', resourceVersion: version = '' } = event.object?.metadata ?? {};
  return { type: event.type, name, version, isOfObject: event.type !== 'BOOKMARK' && event.type !== 'ERROR' };
}

function answer(outgoing: ServerResponse, code: number): void {
  const retryAfter = code === 429 ? { 'retry-after': '1' } : {};
  outgoing.writeHead(code, { 'content-type': 'application/json', ...retryAfter });
  outgoing.end(encoder.encode(JSON.stringify(status(code, reasons[code] ?? ''))));
}

interface Whole {
  readonly statusCode: number;
  readonly body: Buffer;
}

/** The whole of an answer, which the trace keeps as the API server gave it, whatever the sender gets of it. */
async function keptOf({ statusCode, body: stream }: Reply, exchange: Exchange): Promise<Whole> {
  const body = Buffer.from(await stream.arrayBuffer());
  if (!exchange.isList) exchange.answer = body.toString('utf8');
  return { statusCode, body };
}

/** Whoever has hung up, or does, takes no more of it: there is no end to wait for. */
async function passOn({ statusCode, body }: Whole, outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return;
  outgoing.writeHead(statusCode, { 'content-type': 'application/json' });
  const over = Promise.race([once(outgoing, 'finish'), once(outgoing, 'close')]);
  outgoing.end(body);
  await over;
}
