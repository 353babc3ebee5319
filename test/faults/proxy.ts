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
import { answer, frameIn, give, versionIn, type Whole } from './answers.ts';
import type { Deed, Meddling, WriteVerdict } from './interference.ts';
import type { Gate } from './gate.ts';
import type { Release } from './plan.ts';
import { framesOf, pastOf } from './past.ts';
import { noteRights, type Needed } from './rights.ts';
import type { Exchange, Trace } from './trace.ts';

export interface ProxyOptions {
  readonly access: Access;
  readonly upstream: Agent;
  readonly trace: Trace;
  /** Where the rights are noted that its requests take. */
  readonly needed: Needed;
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
    const { trace, instance, gate, needed } = this.#options;
    const { method = '', url = '' } = incoming;
    if (gate?.admits(incoming) === false) {
      answer(outgoing, 401);
      return;
    }
    const asked = { method, url, body: body.toString('utf8') };
    const exchange = trace.begin(asked, instance);
    try {
      // Whether it is ever answered, and by whom, is the plan's.
      noteRights(needed, asked, exchange.status);
      await this.#carryOut(exchange, { incoming, outgoing, body });
    } finally {
      trace.end(exchange);
      noteRights(needed, asked, exchange.status);
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
      const { body: past } = await keptOf(reply, exchange);
      outgoing.end(framesOf(past.toString('utf8')));
      return;
    }
    if (!exchange.isWatch || reply.statusCode !== 200) return passOn(await keptOf(reply, exchange), outgoing);
    return this.#stream(exchange.resource, reply, outgoing);
  }

  /** Somebody's deed happens when the write is stored and the operator does not know it yet. */
  async #write(exchange: Exchange, verdict: WriteVerdict, { incoming, outgoing, body }: Wire): Promise<void> {
    const { befell, gate } = this.#options;
    if (verdict.kind === 'crash' && verdict.moment === 'before') {
      this.#die();
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
      this.#die();
      return;
    }
    if (verdict.kind === 'answer') {
      answer(outgoing, verdict.status);
      return;
    }
    await passOn(reply, outgoing);
    if (verdict.kind === 'crash') setImmediate(() => this.#die(verdict.release));
  }

  #die(release?: Release): void {
    this.cut();
    this.#options.crashed(release);
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
    const close = (): void => {
      if (outgoing.destroyed || outgoing.writableEnded) return;
      outgoing.end();
      interference.hasLasted();
    };
    if (lastsMs !== undefined) setTimeout(close, lastsMs).unref();
    let silent = false;
    for await (const line of linesOf(reply.body)) {
      if (outgoing.destroyed || outgoing.writableEnded) return;
      const { isOfObject, ...frame } = frameIn(line);
      const planned = silent ? 'silence' : 'pass';
      const verdict = isOfObject && !silent ? await interference.frame(resource, frame.version) : planned;
      trace.given({ ...frame, instance, resource, verdict });
      if (verdict === 'silence') silent = true;
      else if (!give(verdict, line, outgoing)) {
        if (verdict === 'told, then dead') setImmediate(() => this.#die());
        return;
      }
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

/** The whole of an answer, which the trace keeps as the API server gave it, whatever the sender gets of it. */
async function keptOf({ statusCode, body: stream }: Reply, exchange: Exchange): Promise<Whole> {
  const body = Buffer.from(await stream.arrayBuffer());
  exchange.answer = body.toString('utf8');
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
