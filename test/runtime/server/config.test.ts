import { describe, expect, test } from '@jest/globals';
import { parseConfig, readConfig, type Machine, type ParsedConfig } from '../../../runtime/server/config.ts';

const digest = 'a'.repeat(64);

const machineBytes = 2 ** 34;

const parse = (environment: Record<string, string>, machine: Partial<Machine> = {}): ParsedConfig =>
  parseConfig(environment, {
    memoryBytes: machineBytes,
    heapBytes: machineBytes / 4,
    cpus: 6,
    cuda: { device: false, library: false },
    ...machine,
  });

function mistakesOf(environment: Record<string, string>): readonly string[] {
  const parsed = parse(environment);
  return parsed.ok ? [] : parsed.mistakes;
}

describe('configuration', () => {
  test('a folder is enough', () => {
    const parsed = parse({ LIMBECK_MODELS_DIR: '/models', LIMBECK_INSTANCES: '' });
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        port: 8080,
        models: { kind: 'folder', path: '/models' },
        cpus: 6,
        isolation: 'process',
        maxBatch: 32,
        queueLimit: 1000,
        slots: 16,
        prefillTokens: 256,
        maxOutputTokens: Infinity,
        maxSequenceLength: undefined,
        memoryBytes: machineBytes,
        maxBodyBytes: 64 * 1024 * 1024,
        maxBodiesBytes: 1024 * 1024 * 1024,
        drainSeconds: 20,
        logLevel: 'info',
        accessLogSample: 0.01,
      },
    });
  });

  test('a model of a store', () => {
    const parsed = parse({
      LIMBECK_MODEL_NAME: 'digits',
      LIMBECK_MODEL_URI: 's3://limbeck/models/x',
      LIMBECK_MODEL_SHA256: digest,
      LIMBECK_CACHE_DIR: '/tmp/models',
      LIMBECK_MAX_BATCH: '1',
    });
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        models: { kind: 'store', name: 'digits', uri: 's3://limbeck/models/x', sha256: digest },
        cacheDir: '/tmp/models',
        maxBatch: 1,
      },
    });
  });

  test.each([
    [{ LIMBECK_MODELS_DIR: '/m' }, { modelControl: 'explicit' }],
    [
      { LIMBECK_MODELS_DIR: '/m', LIMBECK_MODEL_CONTROL: 'poll', LIMBECK_POLL_SECONDS: '2' },
      { modelControl: 'poll', pollSeconds: 2 },
    ],
    [{ LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m' }, { modelControl: 'none' }],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_CPU_MILLICORES: '2500' }, { cpus: 2 }],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_CPU_MILLICORES: '100' }, { cpus: 1 }],
    [
      { LIMBECK_MODELS_DIR: '/m', LIMBECK_INSTANCES: '2', LIMBECK_INTRA_OP_THREADS: '3' },
      { instances: 2, intraOpThreads: 3 },
    ],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_GRPC_PORT: '8081' }, { grpcPort: 8081 }],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_MAX_OUTPUT_TOKENS: '64' }, { maxOutputTokens: 64 }],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_MAX_SEQUENCE_LENGTH: '512' }, { maxSequenceLength: 512 }],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_MODELS_BYTES: '1000' }, { modelsBytes: 1000 }],
  ])('%j gives %j', (environment, config) => {
    expect(parse(environment as Record<string, string>)).toMatchObject({ ok: true, config });
  });

  test.each([
    [{}, false, { providers: ['cpu'], instances: undefined }],
    [{}, true, { providers: ['cuda', 'cpu'], instances: 1 }],
    [{ LIMBECK_INSTANCES: '3' }, true, { providers: ['cuda', 'cpu'], instances: 3 }],
    [{ LIMBECK_PROVIDER: 'cpu' }, true, { providers: ['cpu'], instances: undefined }],
    [{ LIMBECK_PROVIDER: 'cuda' }, false, { providers: ['cuda'], instances: 1 }],
  ])('%j on a host with a GPU: %p gives %j', (environment, hasCuda, config) => {
    const cuda = { device: hasCuda, library: hasCuda };
    const parsed = parse({ LIMBECK_MODELS_DIR: '/m', ...(environment as Record<string, string>) }, { cuda });
    expect(parsed).toMatchObject({ ok: true, config });
    expect(parsed).not.toHaveProperty('config.untriedGpu');
  });

  test('a GPU without a library is not tried, and it is known why', () => {
    const parsed = parse({ LIMBECK_MODELS_DIR: '/m' }, { cuda: { device: true, library: false } });
    const untriedGpu: unknown = expect.stringMatching(/there is a GPU, and no library/);
    expect(parsed).toMatchObject({ ok: true, config: { providers: ['cpu'], instances: undefined, untriedGpu } });
  });

  test.each([
    [{ LIMBECK_MODELS_DIR: '/m' }, 'process'],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_MODEL_CONTROL: 'none' }, 'process'],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_ISOLATION: 'auto' }, 'process'],
    [{ LIMBECK_MODELS_DIR: '/m', LIMBECK_ISOLATION: 'thread' }, 'thread'],
    [{ LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m' }, 'thread'],
    [{ LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m', LIMBECK_MODEL_CONTROL: 'explicit' }, 'thread'],
    [{ LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m', LIMBECK_ISOLATION: 'process' }, 'process'],
  ])(
    'where there may be several models each has a process, unless told otherwise: %j, a %s',
    (environment, isolation) => {
      expect(parse(environment as Record<string, string>)).toMatchObject({ ok: true, config: { isolation } });
    },
  );

  const mebi = 2 ** 20;

  test.each([
    ['a sixteenth and an eighth of the memory', { memoryBytes: 512 * mebi, heapBytes: 256 * mebi }, {}, [32, 64]],
    ['a quarter of the heap at most', { memoryBytes: 512 * mebi, heapBytes: 128 * mebi }, {}, [32, 32]],
    ['more where one may have more', { memoryBytes: 512 * mebi, heapBytes: 256 * mebi }, { BODY: 100 }, [100, 100]],
    ['as it is told', { memoryBytes: 512 * mebi, heapBytes: 256 * mebi }, { BODY: 8, BODIES: 12 }, [8, 12]],
    ['of the memory that it may have', { heapBytes: 256 * mebi }, { MEMORY: 256 }, [16, 32]],
    ['1 MiB at least', { memoryBytes: 8 * mebi, heapBytes: 2 * mebi }, {}, [1, 1]],
  ])('bodies may take %s', (_what, machine, told: Readonly<Record<string, number>>, [body, bodies]) => {
    const names = {
      BODY: 'LIMBECK_MAX_BODY_BYTES',
      BODIES: 'LIMBECK_MAX_BODIES_BYTES',
      MEMORY: 'LIMBECK_MEMORY_BYTES',
    };
    const environment = Object.entries(names).map(([key, name]) => [name, String((told[key] ?? NaN) * mebi)]);
    const given = Object.fromEntries(environment.filter(([, bytes]) => bytes !== 'NaN')) as Record<string, string>;
    const parsed = parse({ LIMBECK_MODELS_DIR: '/m', ...given }, machine);
    const config = { maxBodyBytes: (body ?? 0) * mebi, maxBodiesBytes: (bodies ?? 0) * mebi };
    expect(parsed).toMatchObject({ ok: true, config });
  });

  test('gRPC is served only when asked for', () => {
    const parsed = parse({ LIMBECK_MODELS_DIR: '/m' });
    expect(parsed.ok && parsed.config.grpcPort).toBeUndefined();
  });

  test('how long a run may take is said in seconds, or not at all', () => {
    const parsed = (environment: Record<string, string>) => parse({ LIMBECK_MODELS_DIR: '/m', ...environment });
    expect(parsed({ LIMBECK_RUN_SECONDS: '30' })).toMatchObject({ ok: true, config: { runLimitMs: 30_000 } });
    expect(parsed({})).not.toHaveProperty('config.runLimitMs');
  });

  test('a store cannot be polled', () => {
    const store = { LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m', LIMBECK_MODEL_CONTROL: 'poll' };
    expect(mistakesOf(store)).toEqual([expect.stringContaining('a store is not looked at again')]);
  });

  test.each([
    { LIMBECK_MODELS_DIR: '/m', LIMBECK_MODEL_CONTROL: 'poll' },
    { LIMBECK_MODEL_NAME: 'm', LIMBECK_MODEL_URI: 's3://b/m' },
  ])('models make room for others only where they can be asked for again: not with %j', (environment) => {
    const sentence = "LIMBECK_MODELS_BYTES needs LIMBECK_MODEL_CONTROL='explicit'";
    expect(mistakesOf({ ...(environment as Record<string, string>), LIMBECK_MODELS_BYTES: '1' })).toEqual([sentence]);
  });

  test('every mistake is reported at once', () => {
    const mistakes = mistakesOf({
      LIMBECK_MODEL_URI: 'http://somewhere',
      LIMBECK_MODEL_SHA256: 'ABC',
      LIMBECK_PORT: '70000',
      LIMBECK_MAX_BATCH: '1.5',
      LIMBECK_QUEUE_LIMIT: 'many',
      LIMBECK_LOG_LEVEL: 'loud',
      LIMBECK_ISOLATION: 'island',
      LIMBECK_PROVIDER: 'abacus',
      LIMBECK_ACCESS_LOG_SAMPLE: '5%',
    });
    expect(mistakes).toEqual([
      "LIMBECK_PORT='70000' is not an integer from 0 to 65535",
      'LIMBECK_MODEL_URI needs LIMBECK_MODEL_NAME',
      "LIMBECK_MODEL_URI='http://somewhere' is not s3://<bucket>/<folder>",
      "LIMBECK_MODEL_SHA256='ABC' is not 64 lower-case hexadecimal digits",
      "LIMBECK_PROVIDER='abacus' is none of auto, cpu, cuda",
      "LIMBECK_ISOLATION='island' is none of auto, thread, process",
      "LIMBECK_MAX_BATCH='1.5' is not an integer from 1 to 65536",
      "LIMBECK_QUEUE_LIMIT='many' is not an integer from 1 to 1000000",
      "LIMBECK_LOG_LEVEL='loud' is none of debug, info, warn, error",
      "LIMBECK_ACCESS_LOG_SAMPLE='5%' is not a number from 0 to 1",
    ]);
  });

  test('one source of models, not none and not two', () => {
    const sentence = 'set one of LIMBECK_MODELS_DIR (a folder of model folders) and LIMBECK_MODEL_URI (s3://...)';
    expect(mistakesOf({})).toEqual([sentence]);
    const both = { LIMBECK_MODELS_DIR: '/m', LIMBECK_MODEL_URI: 's3://b/k', LIMBECK_MODEL_NAME: 'm' };
    expect(mistakesOf(both)).toEqual([sentence]);
    expect(readConfig().ok).toBe(false);
  });
});
