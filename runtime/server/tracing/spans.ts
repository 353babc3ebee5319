/**
 * Spans of requests by OpenTelemetry's semantic conventions: one of kind SERVER for each, a child of the caller's own, and
 * below it what the engine tells afterwards. No body, query or header of a caller is in them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  defaultTextMapGetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { isProbe, pathOf, patternOf } from './paths.ts';
import type { RequestTrace, TensorRun, WrittenAnswer } from './trace.ts';

const propagator = new W3CTraceContextPropagator();

/** Methods that may stand in a span's name; whatever else a stranger invents must not. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

/** What one request has come to, told below its span. */
class RequestSpan implements RequestTrace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = trace.setSpan(ROOT_CONTEXT, span);
  }

  asked(operation: string, model: string): void {
    this.#span.setAttributes({ 'gen_ai.operation.name': operation, 'gen_ai.request.model': model });
  }

  ran({ model, version, queuedAt, startedAt, endedAt, requests, failed }: TensorRun): void {
    const names = { 'limbeck.model.name': model, 'limbeck.model.version': version };
    this.#child('queue', [queuedAt, startedAt], names);
    const span = this.#start('run', startedAt, { ...names, 'limbeck.batch.requests': requests });
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(endedAt);
  }

  wrote(answer: WrittenAnswer): void {
    const { queuedAt, startedAt, firstTokenAt, endedAt, promptTokens, cachedTokens, writtenTokens, end } = answer;
    this.#child('queue', [queuedAt, startedAt ?? endedAt], {});
    if (startedAt === undefined) return;
    this.#child('prefill', [startedAt, firstTokenAt ?? endedAt], {
      'gen_ai.usage.input_tokens': promptTokens,
      'gen_ai.usage.cache_read.input_tokens': cachedTokens,
    });
    if (firstTokenAt === undefined) return;
    const attributes = { 'gen_ai.usage.output_tokens': writtenTokens, 'gen_ai.response.finish_reasons': [end] };
    this.#child('decode', [firstTokenAt, endedAt], attributes);
  }

  #start(name: string, startTime: number, attributes: Attributes): Span {
    return this.#tracer.startSpan(name, { startTime, attributes }, this.#context);
  }

  #child(name: string, [from, to]: readonly [number, number], attributes: Attributes): void {
    this.#start(name, from, attributes).end(to);
  }
}

function fail(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR });
}

function httpAttributes({ headers, httpVersion, socket }: IncomingMessage): Attributes {
  const agent = headers['user-agent'];
  return {
    'url.scheme': 'http',
    'network.protocol.version': httpVersion,
    ...(socket.remoteAddress !== undefined && { 'client.address': socket.remoteAddress }),
    ...(agent !== undefined && { 'user_agent.original': agent }),
  };
}

function endHttp(span: Span, response: ServerResponse): void {
  const requestId = response.getHeader('x-request-id');
  if (typeof requestId === 'string') span.setAttribute('http.response.header.x-request-id', [requestId]);
  const { statusCode } = response;
  if (response.headersSent) span.setAttribute('http.response.status_code', statusCode);
  // A caller who left has made no mistake of ours: the type says so, the status stays open.
  if (!response.writableFinished) span.setAttribute('error.type', 'abandoned');
  // A caller's mistake is no error of a server, by the conventions.
  else if (statusCode >= 500) fail(span, String(statusCode));
  span.end();
}

/** Begins the span of a request, which ends with its response; undefined when it is not sampled, or a probe. */
export function httpSpan(tracer: Tracer, request: IncomingMessage, response: ServerResponse): RequestTrace | undefined {
  const path = pathOf(request.url ?? '');
  if (isProbe(path)) return undefined;
  const { method = '' } = request;
  const known = knownMethods.has(method);
  const pattern = patternOf(path);
  const attributes = {
    'http.request.method': known ? method : '_OTHER',
    ...(!known && { 'http.request.method_original': method }),
    'url.path': path,
    ...(pattern !== undefined && { 'http.route': pattern }),
  };
  const name = [known ? method : 'HTTP', ...(pattern === undefined ? [] : [pattern])].join(' ');
  const parent = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  if (!span.isRecording()) return undefined;
  span.setAttributes(httpAttributes(request));
  response.once('close', () => endHttp(span, response));
  return new RequestSpan(tracer, span);
}

/** Statuses by which gRPC says that the server is at fault. */
const serverFaults = new Set(['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']);

/** The span of a call, and its end. */
export interface CallSpan {
  readonly trace: RequestTrace;
  /** By the name of its status. */
  readonly end: (status: string) => void;
}

/** Calls that only ask whether the server is well. */
const probeCalls = /\/(?:ServerLive|ServerReady|ModelReady|Check)$/;

/** Begins the span of a call; undefined when it is not sampled, or a probe. `path` begins with a slash. */
export function callSpan(
  tracer: Tracer,
  path: string,
  headers: Readonly<Record<string, unknown>>,
): CallSpan | undefined {
  if (probeCalls.test(path)) return undefined;
  const method = path.slice(1);
  const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method };
  const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  if (!span.isRecording()) return undefined;
  const end = (status: string): void => {
    span.setAttribute('rpc.response.status_code', status);
    if (serverFaults.has(status)) fail(span, status);
    span.end();
  };
  return { trace: new RequestSpan(tracer, span), end };
}
