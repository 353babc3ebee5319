import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test } from '@jest/globals';
import { mlpModel } from '../../../support/onnx-model.ts';
import { serveModels } from '../../../support/model-server.ts';

/** The niceness of every thread of this process. */
const nicenesses = (): readonly number[] =>
  readdirSync('/proc/self/task').map((thread) => {
    const [, afterName = ''] = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ');
    return Number(afterName.split(' ')[16]);
  });

test('the threads of a session give way to the one that listens', async () => {
  const own = getPriority();
  const before = nicenesses().filter((nice) => nice === Math.min(19, own + 5)).length;
  const server = await serveModels({ 'mlp/model.onnx': mlpModel([64, 65_536, 10]) }, { cpus: 4 });
  expect(nicenesses().filter((nice) => nice === Math.min(19, own + 5)).length - before).toBeGreaterThanOrEqual(4);
  expect(getPriority()).toBe(own);
  await server.stop();
});
