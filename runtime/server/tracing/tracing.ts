/**
 * Traces of requests, sent to a collector by OTLP. Loaded only where one is named; its folder alone imports OpenTelemetry.
 *
 * No request ever waits for it: spans go into a bounded queue, are sent in the background, and are dropped and counted where
 * the collector is slow or away.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tracer } from '@opentelemetry/api';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import { Counter } from 'prom-client';
import { sentenceOf, type Log } from '../../../process/logger.ts';
import type { Registry } from '../../../process/metrics.ts';
import type { ServerFacts } from '../descriptions.ts';
import type { SamplerConfig, TracingConfig } from './config.ts';
import { outcomeMeters, outcomes } from './outcomes.ts';
import { callSpan, httpSpan, type CallSpan } from './spans.ts';
import type { RequestTrace } from './trace.ts';

/** What of the process tracing needs. */
export interface TracingTools {
  readonly facts: ServerFacts;
  readonly registry: Registry;
  readonly log: Log;
}

/** Whoever deploys the server may name it otherwise, by OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES. */
function resourceOf({ name, version }: ServerFacts) {
  const own = resourceFromAttributes({ 'service.name': `${name}-server`, 'service.version': version });
  const told = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] });
  return defaultResource().merge(own).merge(told);
}

function samplerOf({ parentBased, ratio }: SamplerConfig): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function processorOf({ queueLimit, batchLimit, delayMs }: TracingConfig, registry: Registry): BatchSpanProcessor {
  const counter = new Counter({
    name: 'limbeck_trace_spans_total',
    help: 'Spans by what became of them: exported, dropped because the queue was full, or failed to be exported.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of outcomes) counter.inc({ outcome }, 0);
  return new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    maxQueueSize: queueLimit,
    maxExportBatchSize: batchLimit,
    scheduledDelayMillis: delayMs,
    selfObsMeterProvider: outcomeMeters((outcome, spans) => counter.inc({ outcome }, spans)),
  });
}

/** Lives as long as the process. */
export class Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #traces = new WeakMap<ServerResponse, RequestTrace>();

  constructor(config: TracingConfig, { facts, registry, log }: TracingTools) {
    // The SDK has one place for what goes wrong in the background: as a rule, a collector that is away.
    setGlobalErrorHandler((error) => log.warn('spans were not exported', { error: sentenceOf(error) }));
    this.#provider = new TracerProvider({
      resource: resourceOf(facts),
      sampler: samplerOf(config.sampler),
      spanProcessors: [processorOf(config, registry)],
    });
    this.#tracer = this.#provider.getTracer(`${facts.name}-server`, facts.version);
  }

  /** Begins to trace a request, where it is sampled, until its response is over. */
  http(request: IncomingMessage, response: ServerResponse): void {
    const found = httpSpan(this.#tracer, request, response);
    if (found !== undefined) this.#traces.set(response, found);
  }

  /** The trace of the request that a response answers. */
  of(response: ServerResponse): RequestTrace | undefined {
    return this.#traces.get(response);
  }

  /** Begins to trace a call, where it is sampled; whoever answers it tells of its end. */
  call(path: string, headers: Readonly<Record<string, unknown>>): CallSpan | undefined {
    return callSpan(this.#tracer, path, headers);
  }

  /** Sends what has been collected, for so long at most; what the collector has not taken by then is lost. */
  async close(withinMs: number): Promise<void> {
    const sent = this.#provider.shutdown().catch(() => undefined);
    await Promise.race([sent, sleep(withinMs, undefined, { ref: false })]);
  }
}
