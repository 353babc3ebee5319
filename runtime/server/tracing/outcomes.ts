/** What became of spans, heard from the SDK's own metrics, of which no other is taken. */
import { createNoopMeter, type Counter, type Meter, type MeterProvider } from '@opentelemetry/api';

/** Sent; dropped because the queue was full; or lost because the collector did not take them. */
export type Outcome = 'exported' | 'dropped' | 'failed';

export const outcomes: readonly Outcome[] = ['exported', 'dropped', 'failed'];

/** By the name that semantic conventions give it. */
const processedSpans = 'otel.sdk.processor.span.processed';

function outcomeOf(errorType: unknown): Outcome {
  if (errorType === undefined) return 'exported';
  return errorType === 'queue_full' ? 'dropped' : 'failed';
}

/** A provider for the processor of spans that tells of them and measures nothing. */
export function outcomeMeters(tell: (outcome: Outcome, spans: number) => void): MeterProvider {
  const none = createNoopMeter();
  const processed: Counter = { add: (spans, attributes) => tell(outcomeOf(attributes?.['error.type']), spans) };
  const meter: Meter = {
    createCounter: (name, options) => (name === processedSpans ? processed : none.createCounter(name, options)),
    createGauge: (name, options) => none.createGauge(name, options),
    createHistogram: (name, options) => none.createHistogram(name, options),
    createUpDownCounter: (name, options) => none.createUpDownCounter(name, options),
    createObservableGauge: (name, options) => none.createObservableGauge(name, options),
    createObservableCounter: (name, options) => none.createObservableCounter(name, options),
    createObservableUpDownCounter: (name, options) => none.createObservableUpDownCounter(name, options),
    addBatchObservableCallback: () => undefined,
    removeBatchObservableCallback: () => undefined,
  };
  return { getMeter: () => meter };
}
