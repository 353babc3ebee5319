/**
 * Starts of the model server as it is in its image, over one small model: what it adds to a start of Node and the creation
 * of a session until it is ready, how long it takes to its first answer, and what it holds at rest. All in turn.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lookMs } from '../../runtime/server/at-rest.ts';
import { freePort } from '../../test/support/free-port.ts';
import { atMost, conclude } from '../goals.ts';
import { residentMiB, spread, spreadText } from '../measure.ts';
import { mlpRow } from './models.ts';
import { bundle, inPod, run, threads, untilAnswered, untilReady, writeModels } from './sides.ts';

const pairs = Number(process.env.BENCH_PAIRS ?? 5);
const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', ...mlpRow }] });

/** By then it has seen that it rests, and given back what the start needed. */
const restMs = lookMs + 2000;

/** From the start of the process until it is ready and until its first answer, and what it holds at rest. */
async function startServer(folder: string) {
  const port = String(await freePort());
  const settings = { LIMBECK_PORT: port, LIMBECK_MODELS_DIR: folder, LIMBECK_LOG_LEVEL: 'error' };
  const began = performance.now();
  const child = spawn(process.execPath, ['build/dist/server.mjs'], {
    env: { ...inPod, ...settings, LIMBECK_INTRA_OP_THREADS: threads },
    stdio: 'ignore',
  });
  await untilReady(`http://127.0.0.1:${port}/v2/health/ready`);
  const readyMs = performance.now() - began;
  await untilAnswered(() => fetch(`http://127.0.0.1:${port}/v2/models/mlp/infer`, { method: 'POST', body }));
  const coldSeconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const restMiB = residentMiB(child);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  return { readyMs, coldSeconds, restMiB };
}

async function startNode(): Promise<number> {
  const began = performance.now();
  await run(process.execPath, ['-e', '0'], { env: {} });
  return performance.now() - began;
}

async function createSession(folder: string): Promise<number> {
  const args = ['bench/serving/creation.ts', join(folder, 'mlp', 'model.onnx'), threads];
  return Number((await run(process.execPath, args, { env: {} })).stdout);
}

async function round(folder: string) {
  const [nodeMs, sessionMs] = [await startNode(), await createSession(folder)];
  const server = await startServer(folder);
  return { nodeMs, sessionMs, ...server, addedMs: server.readyMs - nodeMs - sessionMs };
}

type Round = Awaited<ReturnType<typeof round>>;

console.log(`start bench: ${pairs} rounds`);
bundle();
const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeModels(folder, ['mlp']);
  // The first one brings all files into memory.
  await round(folder);
  const rounds: Round[] = [];
  for (let pair = 0; pair < pairs; pair += 1) rounds.push(await round(folder));
  const of = (what: keyof Round) => spread(rounds.map((found) => found[what]));
  const found = {
    ...{ nodeMs: of('nodeMs'), sessionMs: of('sessionMs'), readyMs: of('readyMs'), addedMs: of('addedMs') },
    ...{ coldSeconds: of('coldSeconds'), restMiB: of('restMiB') },
  };
  for (const [what, figure] of Object.entries(found)) console.log(`${what} ${spreadText(figure)}`);
  const goals = [
    atMost(100, 'G13 start to ready beyond Node and a session, ms', found.addedMs),
    atMost(0.25, 'cold start, s', found.coldSeconds),
    atMost(100, 'resident at rest, MiB', found.restMiB),
  ];
  const reference = 'in the same round: `node -e 0`, and the creation of a session in a process of its own';
  const ratios = { 'ready / node and session': spread(rounds.map((r) => r.readyMs / (r.nodeMs + r.sessionMs))) };
  conclude({ name: 'serving-start', reference, ratios, ...{ goals, pairs, found } });
} finally {
  rmSync(folder, { recursive: true });
}
