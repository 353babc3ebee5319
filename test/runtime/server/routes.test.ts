import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { callerOf } from '../../support/http-caller.ts';
import { identityModel, mlpModel } from '../../support/onnx-model.ts';
import { serveModels, type LiveServer } from '../../support/model-server.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels(
    {
      'mlp/model.onnx': mlpModel([4, 8, 3]),
      'fork/2/model.onnx': identityModel('FP32'),
      'fork/3/model.onnx': identityModel('FP32'),
      'broken/model.onnx': 'not a model',
    },
    { wait: 'decided' },
  );
});

afterAll(() => server.stop());

const { call, post } = callerOf(() => server.url);

const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };

describe('health and metadata', () => {
  test.each([
    ['/v2/health/live', 200, { live: true }],
    ['/v2/models/mlp/ready', 200, { name: 'mlp', ready: true }],
    ['/v2/models/mlp/versions/1/ready', 200, { name: 'mlp', ready: true }],
    [
      '/v2',
      200,
      {
        name: 'limbeck',
        version: 'test',
        extensions: ['binary_tensor_data', 'model_configuration', 'model_repository', 'schedule_policy', 'statistics'],
      },
    ],
    ['/v2/', 200, { name: 'limbeck' }],
    ['/v2/models', 200, { models: ['broken', 'fork', 'mlp'] }],
    [
      '/v2/models/mlp',
      200,
      {
        name: 'mlp',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 3] }],
        parameters: { provider: 'cpu', max_batch: 32 },
      },
    ],
    ['/v2/models/fork/versions/2', 200, { name: 'fork', versions: ['3', '2'] }],
    ['/v2/models/fork/versions/9', 404, { error: "there is no version '9' of model 'fork'" }],
    ['/v2/models/nope', 404, { error: "there is no model 'nope'" }],
    ['/v2/models/nope/ready', 404, { error: "there is no model 'nope'" }],
    ['/v2/models/broken/ready', 503, { name: 'broken', ready: false, reason: 'LoadFailed' }],
    [
      '/v2/health/ready',
      503,
      { ready: false, live: true, error: expect.stringContaining("model 'broken' is not ready: LoadFailed") },
    ],
    ['/nowhere', 404, { error: 'there is nothing at /nowhere' }],
    ['/v2/models/%zz', 400, { error: 'the path of the request is not valid' }],
    ['/v2/models/stats', 200, { model_stats: expect.anything() }],
  ])('GET %s is %d', async (path, status, expected) => {
    const answer = await call(path);
    expect(answer.json).toMatchObject(expected);
    expect(answer.status).toBe(status);
  });

  test('readiness tells of a version that cannot be loaded while another one answers', async () => {
    const files = { 'm/1/model.onnx': mlpModel([4, 8, 3]), 'm/2/model.onnx': 'half a file' };
    const other = await serveModels(files, { wait: 'decided' });
    const answers = await Promise.all(
      ['health/ready', 'models/m/ready', 'models/m/versions/2/ready'].map((path) => fetch(`${other.url}/v2/${path}`)),
    );
    const metrics = await (await fetch(`${other.url}/metrics`)).text();
    await other.stop();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503]);
    expect(await answers[0]!.json()).toMatchObject({
      warning: expect.stringContaining("version 2 of model 'm' is not ready: LoadFailed"),
    });
    for (const [version, ready] of ['0', '1'].entries())
      expect(metrics).toMatch(new RegExp(`^limbeck_model_ready\\{.*version="${2 - version}".*\\} ${ready}$`, 'm'));
  });

  test('liveness for probes is plain', async () => {
    expect((await call('/healthz')).status).toBe(200);
  });

  test('the index tells each model’s state', async () => {
    const { json } = await post('/v2/repository/index', '');
    expect(json).toContainEqual({ name: 'mlp', version: '1', state: 'READY', reason: '' });
    expect(json).toContainEqual({
      name: 'broken',
      version: '1',
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('LoadFailed: '),
    });
  });

  test.each([
    ['PUT', '/v2/models/mlp/infer', 'POST'],
    ['GET', '/v2/models/mlp/infer', 'POST'],
    ['POST', '/v2/health/ready', 'GET, HEAD'],
    ['DELETE', '/v2/models/mlp', 'GET, HEAD'],
    ['GET', '/v2/repository/index', 'POST'],
    ['POST', '/metrics', 'GET, HEAD'],
  ])('%s %s is 405', async (method, path, allow) => {
    const answer = await call(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe(allow);
    expect(answer.json.error).toContain(`${method} is not allowed`);
  });
});

describe('metrics and statistics', () => {
  test('requests are counted under Triton’s names', async () => {
    // A series appears with its first observation.
    await post('/v2/models/mlp/infer', { inputs: [four] });
    const before = await counted();
    await post('/v2/models/mlp/infer', { inputs: [{ ...four, shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] }] });
    const after = await counted();
    expect(after('nv_inference_request_success') - before('nv_inference_request_success')).toBe(1);
    expect(after('nv_inference_count') - before('nv_inference_count')).toBe(2);
    expect(after('nv_inference_exec_count') - before('nv_inference_exec_count')).toBe(1);
    expect(after('limbeck_batch_rows_count') - before('limbeck_batch_rows_count')).toBe(1);
    for (const name of [
      'nv_inference_queue_duration_us',
      'nv_inference_compute_infer_duration_us',
      'nv_inference_request_duration_us',
      'limbeck_model_load_seconds',
    ]) {
      expect(after(name)).toBeGreaterThan(0);
    }
    for (const name of [
      'nv_inference_pending_request_count',
      'nv_inference_request_failure',
      'limbeck_worker_deaths_total',
      'limbeck_worker_hangs_total',
    ]) {
      expect(after(name)).toBe(0);
    }
    expect(after('limbeck_model_ready')).toBe(1);
    expect(after('limbeck_execution_provider_info')).toBe(1);
  });

  /** Values of the mlp model's series by name. */
  async function counted(): Promise<(name: string) => number> {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return (name) => {
      const line = text
        .split('\n')
        .find((candidate) => candidate.startsWith(`${name}{`) && candidate.includes('model="mlp"'));
      return Number(line?.split(' ').at(-1));
    };
  }

  test('statistics in Triton’s form', async () => {
    const { json } = await call('/v2/models/mlp/stats');
    expect(json.model_stats).toHaveLength(1);
    expect(json.model_stats[0]).toMatchObject({
      name: 'mlp',
      version: '1',
      inference_stats: { success: { count: expect.any(Number) } },
    });
    expect(json.model_stats[0]!.inference_count).toBeGreaterThan(0);
  });
});
