/** server.environment: what Helm takes, every model server starts with, and no server waits for a pod to tell what is wrong. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { parseConfig as parseOperator } from '../../operator/config.ts';
import { parseConfig } from '../../runtime/server/config.ts';
import { objects, renderValues } from './helm.ts';

type Environment = Readonly<Record<string, string>>;

/** With so much memory that a server's own limits are the largest that it takes unasked. */
const machine = { memoryBytes: 2 ** 34, heapBytes: 2 ** 32, cpus: 6, cuda: { device: false, library: false } };

const startsWith = (variables: Environment): boolean =>
  parseConfig({ LIMBECK_MODELS_DIR: '/models', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector', ...variables }, machine)
    .ok;

/** Undefined where Helm takes it, otherwise what it says. */
const refusal = (environment: Environment): Promise<string | undefined> =>
  renderValues({ server: { environment } }).then(
    () => undefined,
    (error: unknown) => String(error),
  );

/** What the operator gives to servers. */
async function environmentOf(values: object): Promise<Environment> {
  const config = objects(await renderValues(values)).find(({ kind }) => kind === 'ConfigMap');
  const read = parseOperator({}, config?.data?.['operator.yaml'] ?? '');
  if (!read.ok) throw new Error(read.violations.join());
  return read.value.settings.serverEnvironment;
}

/** Of each variable whose value a server looks at: the first and the last that it takes, and some that it does not. */
const variables: readonly (readonly [name: string, taken: readonly string[], refused: readonly string[]])[] = [
  ['LIMBECK_ACCESS_LOG_SAMPLE', ['0', '1', '0.01', '1.0', '1e-4'], ['1.1', '-1', 'all', '2e-0']],
  ['LIMBECK_ISOLATION', ['auto', 'thread', 'process'], ['proces']],
  ['LIMBECK_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], ['trace']],
  ['LIMBECK_MAX_BODIES_BYTES', ['67108864', '1099511627776'], ['67108863', '1099511627777', '1 GiB']],
  ['LIMBECK_MAX_BODY_BYTES', ['1024', '1073741824'], ['1023', '1073741825']],
  ['LIMBECK_MAX_OUTPUT_TOKENS', ['1', '2147483648'], ['0', '2147483649', 'none']],
  ['LIMBECK_MAX_SEQUENCE_LENGTH', ['1', '2147483648'], ['0', '2147483649']],
  ['LIMBECK_PREFILL_TOKENS', ['1', '65536'], ['0', '65537', '1.5']],
  ['LIMBECK_PROVIDER', ['auto', 'cpu', 'cuda'], ['gpu', 'CUDA']],
  ['LIMBECK_RUN_SECONDS', ['1', '86400'], ['0', '86401']],
  ['LIMBECK_SLOTS', ['1', '1024'], ['0', '1025', 'many', '999999999999999999999']],
  ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', ['1', '2048'], ['0', '2049']],
  ['OTEL_BSP_MAX_QUEUE_SIZE', ['1', '1000000'], ['0', '1000001']],
  ['OTEL_BSP_SCHEDULE_DELAY', ['0', '86400000'], ['-1', '86400001']],
  [
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    ['http://collector.tracing:4318', 'https://u:p@a.b:65535/otlp', 'http://[::1]:4318', 'http://10.0.0.1'],
    [
      'collector:4318',
      'http://',
      'http://a:65536',
      'http://[:::1]',
      'http://10.0.0.256',
      'http://a b',
      'http://1.a.09',
    ],
  ],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', ['http/protobuf'], ['grpc']],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', ['http://collector'], ['ftp://collector', 'http://a:99999']],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', ['http/protobuf'], ['http/json']],
  ['OTEL_TRACES_EXPORTER', ['otlp', 'none'], ['jaeger']],
  ['OTEL_TRACES_SAMPLER', ['always_on', 'parentbased_traceidratio'], ['sometimes']],
  ['OTEL_TRACES_SAMPLER_ARG', ['0.5'], ['2']],
];

describe('server.environment', () => {
  test.each(variables)('takes %s as far as a server starts with it', async (name, taken, refused) => {
    const refusals = await Promise.all(taken.map((value) => refusal({ [name]: value })));
    expect(refusals).toEqual(taken.map(() => undefined));
    expect(taken.filter((value) => !startsWith({ [name]: value }))).toEqual([]);
    // The share is of a sampler that has one.
    const sampled = name === 'OTEL_TRACES_SAMPLER_ARG' ? { OTEL_TRACES_SAMPLER: 'traceidratio' } : undefined;
    const wrong = refused.map((value) => ({ ...sampled, [name]: value }));
    expect(wrong.filter(startsWith)).toEqual([]);
    for (const sentence of await Promise.all(wrong.map(refusal)))
      expect(sentence).toMatch(new RegExp(`server[./]environment[./]${name}`));
  });

  test('holds one value against another', async () => {
    for (const environment of [
      { LIMBECK_MAX_BODY_BYTES: '1073741824', LIMBECK_MAX_BODIES_BYTES: '1073741823' },
      { OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '101' },
    ]) {
      expect(startsWith(environment)).toBe(false);
      expect(await refusal(environment)).toMatch(/must be from \d+ to \d+, but is 1\d+/);
    }
    expect(await refusal({ LIMBECK_MAX_BODY_BYTES: '4096', LIMBECK_MAX_BODIES_BYTES: '4096' })).toBeUndefined();
  });

  test.each([
    [67_108_864, undefined],
    [67_108_865, '67108865'],
    [1_073_741_824, '1073741824'],
  ])('has the limit of a gateway that takes %d bytes, where the usual one is less', async (maxBodyBytes, limit) => {
    const found = await environmentOf({ gateway: { maxBodyBytes } });
    expect(found['LIMBECK_MAX_BODY_BYTES']).toBe(limit);
    expect(startsWith(found)).toBe(true);
    const own = { gateway: { maxBodyBytes }, server: { environment: { LIMBECK_MAX_BODY_BYTES: '4096' } } };
    expect(await environmentOf(own)).toEqual({ LIMBECK_MAX_BODY_BYTES: '4096' });
  });

  test('is refused where bodies of the gateway would not fit', async () => {
    const values = { server: { environment: { LIMBECK_MAX_BODIES_BYTES: '134217728' } } };
    await expect(renderValues({ ...values, gateway: { maxBodyBytes: 134_217_729 } })).rejects.toThrow(
      'LIMBECK_MAX_BODIES_BYTES must be from 134217729 to 1099511627776, but is 134217728',
    );
    await expect(renderValues({ gateway: { maxBodyBytes: 1_073_741_825 } })).rejects.toThrow('maxBodyBytes');
  });

  test('leaves alone what the exporter of traces reads by itself', async () => {
    expect(await refusal({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b', OTEL_SERVICE_NAME: '7' })).toBeUndefined();
  });

  test('has a row here for each variable that the schema looks at', async () => {
    const schema: unknown = JSON.parse(await readFile('charts/limbeck/values.schema.json', 'utf8'));
    expect(schema).toHaveProperty('properties.server.properties.environment.properties');
    const { environment } = (
      schema as {
        readonly properties: { readonly server: { readonly properties: { readonly environment: object } } };
      }
    ).properties.server.properties;
    const { properties } = environment as { readonly properties: object };
    expect(Object.keys(properties)).toEqual(variables.map(([name]) => name));
  });
});
