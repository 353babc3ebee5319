import { expect, test } from '@jest/globals';
import { parallelismOf } from '../../../runtime/server/parallelism.ts';

const MiB = 2 ** 20;
const memoryBytes = 1024 * MiB;

test.each([
  ['one CPU', { cpus: 1 }, 100, { instances: 1, intraOpThreads: 1 }],
  ['a few CPUs', { cpus: 3 }, 100, { instances: 1, intraOpThreads: 3 }],
  ['as many as one session uses', { cpus: 8 }, 100, { instances: 1, intraOpThreads: 8 }],
  ['more', { cpus: 20 }, 100, { instances: 3, intraOpThreads: 6 }],
  ['more, and a model that fits twice', { cpus: 64 }, 250, { instances: 2, intraOpThreads: 8 }],
  ['more, and a model that fits once', { cpus: 64 }, 1000, { instances: 1, intraOpThreads: 8 }],
  ['a model that is soon done', { cpus: 4 }, 0.5, { instances: 1, intraOpThreads: 1 }],
  ['instances as asked', { cpus: 4, instances: 2 }, 900, { instances: 2, intraOpThreads: 2 }],
  ['more instances than CPUs', { cpus: 2, instances: 4 }, 1, { instances: 4, intraOpThreads: 1 }],
  ['threads as asked', { cpus: 1, intraOpThreads: 2 }, 0.1, { instances: 1, intraOpThreads: 2 }],
  ['both as asked', { cpus: 1, instances: 3, intraOpThreads: 2 }, 100, { instances: 3, intraOpThreads: 2 }],
])('%s', (_what, means, mebibytes, parallelism) => {
  const model = { bytes: mebibytes * MiB, single: false };
  expect(parallelismOf({ memoryBytes, ...means }, model)).toEqual(parallelism);
});

test('a language model has one session with the threads of all', () => {
  const means = { cpus: 8, memoryBytes, instances: 4 };
  expect(parallelismOf(means, { bytes: 100 * MiB, single: true })).toEqual({ instances: 1, intraOpThreads: 8 });
});
