/**
 * The model server for long: what a request or a load leaves behind shows in the sum. `make test` gives it a few thousand
 * requests and ten loads; `make soak` a million and a hundred, of a larger model, with the bounds that we promise.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { folderWith, until } from '../support/model-server.ts';
import { mlpModel } from '../support/onnx-model.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

const isWhole = process.env['LIMBECK_SOAK'] === 'whole';
/** The first ones warm up: the heap takes its time to find its size. Growth in MiB. */
const plan = isWhole
  ? {
      requests: { first: 100_000, then: 1_000_000, growth: 10 },
      loads: { first: 10, then: 100, growth: 20 },
      hidden: 1 << 18,
    }
  : {
      requests: { first: 10_000, then: 10_000, growth: 15 },
      loads: { first: 5, then: 10, growth: 40 },
      hidden: 1 << 16,
    };
const clients = 8;
jest.setTimeout(isWhole ? 3_600_000 : 240_000);

let server: ServerProcess;

beforeAll(async () => {
  const models = { 'small/model.onnx': mlpModel([64, 64, 10]), 'large/model.onnx': mlpModel([64, plan.hidden, 10]) };
  server = await startServerProcess({
    ...{ LIMBECK_MODELS_DIR: await folderWith(models), LIMBECK_MODEL_CONTROL: 'explicit' },
    // In a process of its own a model would take with it what it leaves.
    LIMBECK_ISOLATION: 'thread',
  });
}, startLimitMs);
afterAll(() => server.stop());

const residentMiB = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${String(server.child.pid)}/status`, 'utf8'))?.[1]) / 1024;

async function post(path: string, body: string): Promise<void> {
  const answer = await fetch(server.url + path, { method: 'POST', body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${text}`);
}

const numbers = Array.from({ length: 64 }, (_, index) => index / 64);
const inference = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 64], datatype: 'FP32', data: numbers }] });

/** So many requests, by several clients at once. */
async function ask(requests: number): Promise<void> {
  const client = async (): Promise<void> => {
    for (let sent = 0; sent < requests / clients; sent += 1) await post('/v2/models/small/infer', inference);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** Unloads and loads the large model, and asks it. */
async function reload(times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await post('/v2/repository/models/large/unload', '');
    await until(async () => (await fetch(`${server.url}/v2/models/large`)).status === 404);
    await post('/v2/repository/models/large/load', '');
    await post('/v2/models/large/infer', inference);
  }
}

/** The least that the process holds while a little work is done: garbage comes and goes, what is lost stays. */
async function leastMiB(work: () => Promise<void>): Promise<number> {
  let least = Infinity;
  for (let part = 0; part < 5; part += 1) {
    await work();
    least = Math.min(least, residentMiB());
  }
  return least;
}

/** By how much the process grows over some pieces of work, in MiB. */
async function growth(work: (count: number) => Promise<void>, { first, then }: typeof plan.requests): Promise<number> {
  await work(first);
  const before = await leastMiB(() => work(first / 5));
  await work(then);
  const after = await leastMiB(() => work(first / 5));
  console.log(`${String(then)} times: ${before.toFixed(1)} MiB before, ${after.toFixed(1)} after`);
  return after - before;
}

test('requests leave nothing behind', async () => {
  expect(await growth(ask, plan.requests)).toBeLessThan(plan.requests.growth);
});

test('models that come and go leave nothing behind', async () => {
  expect(await growth(reload, plan.loads)).toBeLessThan(plan.loads.growth);
});
