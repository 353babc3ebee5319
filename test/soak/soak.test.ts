/**
 * The model server for long: what a request or a load leaves behind shows in the sum. `make test` gives it some thousand
 * requests and some loads; `make soak` a million and a hundred, of a larger model, with the bounds that we promise.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { folderWith, until } from '../support/model-server.ts';
import { mlpModel } from '../support/onnx-model.ts';
import { residentMiB, startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

const isWhole = process.env['LIMBECK_SOAK'] === 'whole';
/** Work of one round, after as much that warms up, and by how many MiB a round may grow the process. */
const plan = isWhole
  ? { requests: { round: 150_000, growth: 1.5 }, loads: { round: 15, growth: 3 }, hidden: 1 << 18 }
  : { requests: { round: 5_000, growth: 4 }, loads: { round: 3, growth: 10 }, hidden: 1 << 16 };
const rounds = 7;
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

/**
 * By how much a round of work grows the process in MiB, the median of some: what is lost is lost in each round, and a heap
 * that has not found its size yet grows in some by steps.
 */
async function growthOf(work: (count: number) => Promise<void>, count: number): Promise<number> {
  await work(count);
  const resident = [residentMiB(server)];
  for (let round = 0; round < rounds; round += 1) {
    await work(count);
    resident.push(residentMiB(server));
  }
  console.log(`after rounds of ${String(count)}: ${resident.map((mebis) => mebis.toFixed(1)).join(', ')} MiB`);
  const growths = resident.slice(1).map((mebis, round) => mebis - (resident[round] ?? 0));
  return growths.sort((one, other) => one - other)[Math.floor(rounds / 2)] ?? Infinity;
}

test('requests leave nothing behind', async () => {
  expect(await growthOf(ask, plan.requests.round)).toBeLessThan(plan.requests.growth);
});

test('models that come and go leave nothing behind', async () => {
  expect(await growthOf(reload, plan.loads.round)).toBeLessThan(plan.loads.growth);
});
