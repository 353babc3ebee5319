import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call } from '../../../support/http-caller.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';
import { mlpModel } from '../../../support/onnx-model.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels(
    { 'broken/model.onnx': 'no model', 'mlp/model.onnx': mlpModel([4, 8, 3]) },
    { wait: 'decided' },
  );
});

afterAll(() => server.stop());

const failure = (message: unknown) => ({ message, type: 'server_error', param: null, code: 'service_unavailable' });

test('a model that is not ready says so to clients of KServe, and why to those of OpenAI', async () => {
  const { status, json } = await call(`${server.url}/v1/models/broken`);
  const error = failure(server.engine.find('broken').notReady!.message);
  expect({ status, json }).toMatchObject({ status: 503, json: { name: 'broken', ready: false, id: 'broken', error } });
});

test('so does one of a server that is stopping', async () => {
  server.drain();
  const { status, json } = await call(`${server.url}/v1/models/mlp`);
  const error = failure('the server is stopping');
  expect({ status, json }).toMatchObject({ status: 503, json: { name: 'mlp', ready: false, error } });
});
