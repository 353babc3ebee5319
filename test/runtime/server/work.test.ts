import { afterEach, expect, test } from '@jest/globals';
import { isFinal, workOf } from '../../../runtime/server/work.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels, type LiveServer } from '../../support/model-server.ts';
import { identityModel, mlpModel } from '../../support/onnx-model.ts';

let server: LiveServer | undefined;

afterEach(() => server?.stop());

test.each([
  ['joined', mlpModel([4, 8, 3]), 32, 2],
  ['never joined', mlpModel([4, 8, 3]), 1, 2],
  ['without rows, whatever its first axis is', identityModel('FP32', [2, 4]), 32, 1],
])('the rows of a request to a model that is %s are counted', async (_which, model, maxBatch, rows) => {
  server = await serveModels({ 'm/model.onnx': model }, { maxBatch });
  const input = { name: 'x', datatype: 'FP32', shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] };
  expect((await post(`${server.url}/v2/models/m/infer`, { inputs: [input] })).status).toBe(200);
  const { inferences, executions, batches } = server.engine.find('m').statistics;
  expect({ inferences, executions, sizes: [...batches.keys()] }).toEqual({
    inferences: rows,
    executions: 1,
    sizes: [rows],
  });
});

const x = { name: 'x', datatype: 'FP32', shape: [2, 1], data: new Float32Array(2) } as const;

test.each([
  ['two rows of eight wait for more', { joins: true, maxBatch: 8 }, Infinity, false],
  ['two rows of two do not', { joins: true, maxBatch: 2 }, Infinity, true],
  ['nor where no more of their length have room', { joins: true, maxBatch: 8, most: 2 }, Infinity, true],
  ['nor what is never joined', { joins: false, maxBatch: 8 }, Infinity, true],
  ['but what has a deadline does', { joins: false, maxBatch: 8 }, 5, false],
])('%s', (_what, bounds, deadline, final) => {
  const work = workOf({ inputs: [x], outputs: [] }, bounds, { queuedAt: 0, trace: undefined });
  expect(isFinal(work, { level: 5, deadline }, bounds)).toBe(final);
});
