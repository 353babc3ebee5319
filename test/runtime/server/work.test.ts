import { expect, test } from '@jest/globals';
import { isFinal, workOf } from '../../../runtime/server/work.ts';

const x = { name: 'x', datatype: 'FP32', shape: [2, 1], data: new Float32Array(2) } as const;

test.each([
  ['two rows of eight wait for more', { joins: true, maxBatch: 8 }, Infinity, false],
  ['two rows of two do not', { joins: true, maxBatch: 2 }, Infinity, true],
  ['nor what is never joined', { joins: false, maxBatch: 8 }, Infinity, true],
  ['but what has a deadline does', { joins: false, maxBatch: 8 }, 5, false],
])('%s', (_what, bounds, deadline, final) => {
  const work = workOf({ inputs: [x], outputs: [] }, bounds, { queuedAt: 0, trace: undefined });
  expect(isFinal(work, { level: 5, deadline }, bounds)).toBe(final);
});
