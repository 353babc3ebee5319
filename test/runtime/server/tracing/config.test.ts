import { describe, expect, test } from '@jest/globals';
import { Reader, type Environment } from '../../../../runtime/server/environment.ts';
import { tracingOf } from '../../../../runtime/server/tracing/config.ts';

const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

function read(environment: Environment) {
  const reader = new Reader(environment);
  return { config: tracingOf(reader), mistakes: reader.mistakes };
}

describe('tracing is off', () => {
  test.each<[string, Environment]>([
    ['without a collector, whatever else is set', { OTEL_TRACES_SAMPLER: 'loud', OTEL_SERVICE_NAME: 'x' }],
    ['where the SDK is switched off', { ...collector, OTEL_SDK_DISABLED: 'TRUE' }],
    ['where traces go nowhere', { ...collector, OTEL_TRACES_EXPORTER: 'none' }],
  ])('%s', (_what, environment) => expect(read(environment)).toEqual({ config: undefined, mistakes: [] }));
});

describe('tracing is on', () => {
  test('with the defaults of the specification', () => {
    expect(read(collector)).toEqual({
      config: { sampler: { parentBased: true, ratio: 1 }, queueLimit: 2048, batchLimit: 512, delayMs: 5000 },
      mistakes: [],
    });
  });

  test('for an endpoint of traces alone', () => {
    const { config } = read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' });
    expect(config).toBeDefined();
  });

  test.each<[string, string | undefined, object]>([
    ['always_on', undefined, { parentBased: false, ratio: 1 }],
    ['always_off', undefined, { parentBased: false, ratio: 0 }],
    ['traceidratio', '0.25', { parentBased: false, ratio: 0.25 }],
    ['parentbased_always_off', '0.5', { parentBased: true, ratio: 0 }],
    ['parentbased_traceidratio', '0.1', { parentBased: true, ratio: 0.1 }],
    ['parentbased_traceidratio', undefined, { parentBased: true, ratio: 1 }],
  ])('by the sampler %s with %p', (name, argument, sampler) => {
    const environment = { ...collector, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
    expect(read(environment).config?.sampler).toEqual(sampler);
  });

  test('with a queue that bounds its batches', () => {
    expect(read({ ...collector, OTEL_BSP_MAX_QUEUE_SIZE: '8' }).config).toMatchObject({ queueLimit: 8, batchLimit: 8 });
  });
});

test.each<[Environment, string]>([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, "OTEL_EXPORTER_OTLP_ENDPOINT='collector:4318' is not http(s)://"],
  [{ ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, "OTEL_EXPORTER_OTLP_PROTOCOL='grpc' is not http/protobuf"],
  [
    { ...collector, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='http/json' is not http/protobuf",
  ],
  [{ ...collector, OTEL_TRACES_SAMPLER: 'some' }, "OTEL_TRACES_SAMPLER='some' is none of always_on,"],
  [
    { ...collector, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
    "OTEL_TRACES_SAMPLER_ARG='2' is not a number from 0 to 1",
  ],
  [{ ...collector, OTEL_TRACES_EXPORTER: 'zipkin' }, "OTEL_TRACES_EXPORTER='zipkin' is none of otlp, none"],
  [
    { ...collector, OTEL_BSP_MAX_QUEUE_SIZE: '8', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '9' },
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE='9' is not an integer from 1 to 8",
  ],
])('%j is a mistake', (environment, sentence) => {
  expect(read(environment).mistakes).toEqual([expect.stringContaining(sentence)]);
});
