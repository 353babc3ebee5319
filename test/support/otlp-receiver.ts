/** A collector of traces on loopback: takes OTLP over HTTP as protobuf and keeps every span, or says nothing at all. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { until } from './model-server.ts';

type Value = Readonly<Record<string, unknown>>;

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

interface SpanMessage {
  readonly trace_id: Buffer;
  readonly span_id: Buffer;
  readonly trace_state: string;
  readonly parent_span_id: Buffer;
  readonly name: string;
  readonly kind: string;
  readonly start_time_unix_nano: string;
  readonly end_time_unix_nano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: string } | null;
}

interface Message {
  readonly resource_spans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scope_spans: readonly { readonly spans: readonly SpanMessage[] }[];
  }[];
}

/** A span as it arrived; identities in hexadecimal, times in milliseconds of the epoch. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true } as const;
const definitions = loadSync('test/support/otlp-trace.proto', options);
const service = definitions['opentelemetry.TraceService'] as unknown as {
  readonly Export: MethodDefinition<Message, object>;
};

function valueOf(value: Value): unknown {
  const found = value[String(value['value'])];
  if (value['value'] === 'int_value') return Number(found);
  return value['value'] === 'array_value' ? (found as { values: Value[] }).values.map(valueOf) : found;
}

const recordOf = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));

const milliseconds = (nanos: string): number => Number(BigInt(nanos) / 1000n) / 1000;

function spansOf({ resource_spans }: Message): readonly ReceivedSpan[] {
  return resource_spans.flatMap(({ resource, scope_spans }) =>
    scope_spans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        traceId: span.trace_id.toString('hex'),
        spanId: span.span_id.toString('hex'),
        parentSpanId: span.parent_span_id.toString('hex'),
        traceState: span.trace_state,
        name: span.name,
        kind: span.kind,
        startMs: milliseconds(span.start_time_unix_nano),
        endMs: milliseconds(span.end_time_unix_nano),
        status: span.status?.code ?? 'UNSET',
        attributes: recordOf(span.attributes),
        resource: recordOf(resource.attributes),
      })),
  );
}

/** Lives from `start` to `stop`. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Paths and media types of the requests so far. */
  readonly requests: string[] = [];
  readonly #server: Server;
  #answers = true;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.url ?? ''} ${request.headers['content-type'] ?? ''}`);
      if (!this.#answers) return;
      void buffer(request).then((bytes) => {
        this.spans.push(...spansOf(service.Export.requestDeserialize(bytes)));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
  }

  /** The address for OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** From now on requests are taken and never answered. */
  fallSilent(): void {
    this.#answers = false;
  }

  /** The spans of a trace by name, once so many have come. */
  async trace(traceId: string, count: number): Promise<ReadonlyMap<string, ReceivedSpan>> {
    const found = (): ReceivedSpan[] => this.spans.filter((span) => span.traceId === traceId);
    await until(() => found().length >= count);
    return new Map(found().map((span) => [span.name, span]));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
