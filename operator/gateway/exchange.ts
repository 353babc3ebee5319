/** One request's way through the gateway: body → seat → replica → answer, and back to the queue if the replica is lost. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { timeoutMsOf, timeoutOf } from '../../process/grpc-timeout.ts';
import { traceIdOf } from '../../process/request-id.ts';
import { refuse, type Refusal } from './answers.ts';
import { Body, type BodyFault, type Memory } from './body.ts';
import { tooSlow } from './body-stream.ts';
import type { FrontPorts } from './front.ts';
import { forward, requestHeaders, type Outcome } from './proxy.ts';
import { verdictOf } from './repeat.ts';
import type { Replica } from './replica.ts';
import type { Service } from './service.ts';
import { holdHead } from './shares.ts';
import type { Guest, Refusal as RoomRefusal } from './waiting-room.ts';

export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly service: Service;
  /** As the replica knows it. */
  readonly path: string;
  readonly requestId: string;
}

/** Of its service, of its namespace, or of all. */
const crowded = 'too many requests are held at once for the memory of the gateway';

function refusalOfBody(fault: BodyFault, maxBytes: number): Refusal {
  switch (fault) {
    case 'tooLarge':
      return { code: 413, sentence: `the body is larger than ${maxBytes} bytes` };
    case 'tooSlow':
      return { code: 408, sentence: tooSlow };
    case 'crowded':
      return { code: 503, sentence: crowded, retryAfterSeconds: 1 };
  }
}

export class Exchange implements Guest<Replica> {
  readonly #call: Call;
  readonly #ports: FrontPorts;
  readonly #memory: Memory;
  readonly #body: Body;
  readonly #startedMs: number;
  /** When the caller no longer waits, by the header `grpc-timeout`; Infinity where there is none that a replica would take. */
  readonly #deadlineMs: number;
  /** Found no replica on arrival, and was not seated since. */
  #cold: boolean;
  #order = 0;
  /** Undefined while it does not wait for a seat. */
  #waitingSinceMs: number | undefined;
  #waitedMs = 0;
  #seatedAtMs = 0;
  #cut = 0;
  #abandon: (() => void) | undefined;
  #gone = false;

  constructor(call: Call, ports: FrontPorts) {
    this.#call = call;
    this.#ports = ports;
    this.#startedMs = ports.clock.monotonicMs();
    this.#deadlineMs = this.#startedMs + (timeoutMsOf(String(call.request.headers['grpc-timeout'])) ?? Infinity);
    this.#memory = ports.shares.of(call.service.route);
    this.#body = new Body(call.request, { ...ports.body, budget: this.#memory });
    this.#cold = call.service.replicas.length === 0;
  }

  get order(): number {
    return this.#order;
  }

  /** All waits of one request together stay within the limit, and within what its caller waits for the answer. */
  get patienceMs(): number {
    return Math.max(0, Math.min(this.#allowedMs, this.#leftMs));
  }

  /** What it may still wait for a seat. */
  get #allowedMs(): number {
    return this.#call.service.route.limits.maxColdStartSeconds * 1000 - this.#waitedMs;
  }

  /** What the caller still waits. */
  get #leftMs(): number {
    return this.#deadlineMs - this.#ports.clock.monotonicMs();
  }

  start(): void {
    const { request, response, service } = this.#call;
    response.once('close', () => this.#closed());
    const room = holdHead(request, response, this.#memory);
    if (service.route.stopped && service.replicas.length === 0) {
      this.#refuse({ code: 503, sentence: 'the service is pinned to 0 replicas', retryAfterSeconds: 60 });
      return;
    }
    if (service.hopeless) {
      this.refused('hopeless');
      return;
    }
    if (this.#body.tooLarge) {
      this.#refuseBody('tooLarge');
      return;
    }
    service.arrive();
    if (room) this.#body.readAhead((fault) => this.#ready(fault));
    else this.#refuseBody('crowded');
  }

  seated(replica: Replica): void {
    const { request, response, service, path, requestId } = this.#call;
    const { metrics, draining } = this.#ports;
    this.#endWait();
    if (this.#leftMs <= 0) {
      service.release(replica);
      this.refused('late');
      return;
    }
    if (this.#cold) metrics.coldStart(service, this.#waitedMs / 1000);
    this.#cold = false;
    this.#seatedAtMs = this.#ports.clock.monotonicMs();
    if (draining()) response.shouldKeepAlive = false;
    const abandon = forward(replica.pool, {
      method: request.method ?? 'GET',
      path,
      headers: requestHeaders(request, { requestId, timeout: this.#timeout }),
      body: this.#body.open(),
      response,
      ownHeaders: ['x-request-id', requestId],
      onStart: () => service.answered(replica),
      onEnd: (outcome) => this.#over(replica, outcome),
    });
    this.#abandon = abandon;
  }

  #endWait(): void {
    if (this.#waitingSinceMs === undefined) return;
    this.#waitedMs += this.#ports.clock.monotonicMs() - this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
  }

  /** What is left for the replica: it counts from the head that it gets. */
  get #timeout(): string | undefined {
    return this.#deadlineMs === Infinity ? undefined : timeoutOf(this.#leftMs);
  }

  refused(why: RoomRefusal): void {
    this.#endWait();
    this.#refuse(this.#refusalOf(why));
  }

  #ready(fault: BodyFault | undefined): void {
    if (this.#gone) return;
    if (fault !== undefined) {
      this.#refuseBody(fault);
      return;
    }
    this.#order = this.#call.service.admit();
    this.#waitingSinceMs = this.#ports.clock.monotonicMs();
    this.#call.service.enter(this);
    this.#watch();
  }

  /** While it waits, what comes of the body is read on: so it is heard when the client goes away. */
  #watch(): void {
    if (this.#waitingSinceMs === undefined || this.#gone) return;
    this.#body.readOn((fault) => {
      this.#call.service.leave(this);
      this.#endWait();
      this.#refuseBody(fault);
    });
  }

  #over(replica: Replica, outcome: Outcome): void {
    const { service, response } = this.#call;
    switch (outcome.kind) {
      case 'answered':
        this.#body.close();
        break;
      case 'abandoned':
        break;
      case 'broken':
        // The client must see that the answer is not whole.
        response.destroy();
        break;
      case 'unanswered':
        this.#unanswered(replica, outcome);
        return;
    }
    service.release(replica);
  }

  #unanswered(replica: Replica, outcome: Extract<Outcome, { kind: 'unanswered' }>): void {
    const { service, request, path } = this.#call;
    const { repeatable } = this.#body;
    const verdict = verdictOf(outcome, { method: request.method ?? 'GET', path, repeatable, cut: this.#cut });
    if (verdict.fault) service.unreachable(replica);
    if (verdict.kind === 'refuse') {
      service.release(replica);
      this.#refuse(verdict.refusal);
      return;
    }
    // Nothing was begun: as long as no connection came about it has waited, too.
    if (verdict.cut) this.#cut++;
    else this.#waitedMs += this.#ports.clock.monotonicMs() - this.#seatedAtMs;
    this.#ports.metrics.retried(service);
    this.#waitingSinceMs = this.#ports.clock.monotonicMs();
    // Back in the queue first: it must get the seat before those who came later.
    if (!this.#gone) service.rejoin(this);
    service.release(replica);
    this.#watch();
  }

  #refuseBody(fault: BodyFault): void {
    this.#refuse(refusalOfBody(fault, this.#ports.body.maxBytes));
  }

  #refuse(refusal: Refusal): void {
    const { request, response } = this.#call;
    this.#body.close();
    if (this.#ports.draining()) response.shouldKeepAlive = false;
    response.setHeader('x-request-id', this.#call.requestId);
    refuse(request, response, refusal);
  }

  #refusalOf(why: RoomRefusal): Refusal {
    const { service } = this.#call;
    const { limits, notReady, refusing } = service.route;
    if (why === 'full')
      return { code: 429, sentence: `${limits.queueLimit} requests are already waiting`, retryAfterSeconds: 1 };
    if (why === 'hopeless')
      return {
        ...{ code: 503, sentence: `the service cannot answer: ${refusing?.message ?? 'no replica would come'}` },
        ...(refusing?.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: refusing.retryAfterSeconds }),
      };
    if (why === 'closed')
      return this.#ports.draining()
        ? { code: 503, sentence: 'the gateway is stopping', retryAfterSeconds: 1 }
        : { code: 404, sentence: 'the service was deleted' };
    // As a replica says it.
    if (this.#leftMs <= this.#allowedMs)
      return { code: 504, sentence: 'the request waited for as long as it was allowed to, and was not begun' };
    const held = `within ${limits.maxColdStartSeconds} s`;
    const sentence =
      service.replicas.length > 0
        ? `no replica had a free seat ${held}`
        : `no replica became ready ${held}${notReady === undefined ? '' : `: ${notReady}`}`;
    return { code: 503, sentence, retryAfterSeconds: 5 };
  }

  /** The answer is out, or the client went away: everything it held is given back. */
  #closed(): void {
    const { response, service } = this.#call;
    const { metrics, clock, sampled, ended } = this.#ports;
    this.#gone = true;
    service.leave(this);
    this.#endWait();
    if (!response.writableFinished) this.#abandon?.();
    this.#body.close();
    const code = response.writableFinished ? response.statusCode : 499;
    const tookMs = clock.monotonicMs() - this.#startedMs;
    metrics.answered(service, code, tookMs / 1000);
    if (sampled()) this.#tell(code, tookMs);
    ended();
  }

  #tell(code: number, tookMs: number): void {
    const { service, request, requestId, path } = this.#call;
    const traceId = traceIdOf(request.headers['traceparent']);
    this.#ports.log.info('request', {
      ...{ service: service.route.key, method: request.method, path, code, requestId },
      ...(traceId !== undefined && { traceId }),
      ...{ tookMs: Math.round(tookMs), waitedMs: Math.round(this.#waitedMs) },
    });
  }
}
