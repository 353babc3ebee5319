/**
 * The model server for long: what a request or a load leaves behind shows in the sum. `make test` gives it some thousand
 * requests and some loads; `make soak` a million and a hundred, of a larger model, with the bounds that we promise.
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { judged, type Verdict } from '../../bench/goals.ts';
import { writeResult } from '../../bench/measure.ts';
import { folderWith, until } from '../support/model-server.ts';
import { mlpModel } from '../support/onnx-model.ts';
import { residentMiB, startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

const soak = process.env['LIMBECK_SOAK'];
const isWhole = soak === 'whole';
/** Work of one round, after as much that warms up, and by how many MiB a round may grow the process. */
const plan = isWhole
  ? { requests: { round: 150_000, growth: 1.5 }, loads: { round: 15, growth: 3 }, hidden: 1 << 18 }
  : { requests: { round: 5_000, growth: 4 }, loads: { round: 3, growth: 10 }, hidden: 1 << 16 };
const rounds = 7;
const clients = 8;
const mebi = 1 << 20;
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

const goals: Verdict[] = [];

/** Tells whoever asked for a soak, of any size, what all of its rounds left behind; bounds are of a whole one. */
function tell(what: string, { wholeMiB, medianMiB }: Growth, mostMB: number): void {
  if (soak === undefined) return;
  const [whole, median] = [wholeMiB, medianMiB].map((mebis) => ((mebis * mebi) / 1e6).toFixed(1));
  const found = `${whole!} MB, ${median!} MB in the median of ${String(rounds)} rounds`;
  goals.push(judged(`G14 ${what}: at most ${String(mostMB)} MB`, found, (wholeMiB * mebi) / 1e6 <= mostMB, isWhole));
  writeResult({ name: 'serving-soak', reference: 'itself after a round that warms up', ratios: {}, ...{ goals } });
}

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

/** By how much work grows the process. */
interface Growth {
  /** In a round, the median of some: what is lost is lost in each, and a heap that has not found its size yet grows by steps. */
  readonly medianMiB: number;
  /** In all of them. */
  readonly wholeMiB: number;
}

async function growthOf(work: (count: number) => Promise<void>, count: number): Promise<Growth> {
  await work(count);
  const resident = [residentMiB(server)];
  for (let round = 0; round < rounds; round += 1) {
    await work(count);
    resident.push(residentMiB(server));
  }
  console.log(`after rounds of ${String(count)}: ${resident.map((mebis) => mebis.toFixed(1)).join(', ')} MiB`);
  const growths = resident.slice(1).map((mebis, round) => mebis - (resident[round] ?? 0));
  const medianMiB = growths.sort((one, other) => one - other)[Math.floor(rounds / 2)] ?? Infinity;
  return { medianMiB, wholeMiB: (resident.at(-1) ?? Infinity) - (resident[0] ?? 0) };
}

test('requests leave nothing behind', async () => {
  const growth = await growthOf(ask, plan.requests.round);
  tell(`RSS growth over ${String(rounds * plan.requests.round)} requests`, growth, 10);
  expect(growth.medianMiB).toBeLessThan(plan.requests.growth);
});

test('models that come and go leave nothing behind', async () => {
  const growth = await growthOf(reload, plan.loads.round);
  tell(`RSS growth over ${String(rounds * plan.loads.round)} unloads and loads`, growth, 20);
  expect(growth.medianMiB).toBeLessThan(plan.loads.growth);
});
