/**
 * The model server beside three measures of it: ONNX Runtime alone in a loop, the server that one writes in an afternoon
 * (reference.ts), and itself without batching. Windows alternate, so that a noisy machine disturbs all alike; everything
 * shares the machine's cores, the client included: ratios say more than rates.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atLeast, conclude, judged } from '../goals.ts';
import { generator, load, type Window } from '../load.ts';
import { spread, type Spread } from '../measure.ts';
import { compared, inTurn } from '../rounds.ts';
import { cnnRow, mlpRow, pictureRow, type BenchModel, type Row } from './models.ts';
import { ceiling, startOurs, startReference, threads, warmUpSeconds, writeModels, type Side } from './sides.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 1);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);

interface Request {
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const jsonOf = (row: Row): Request => ({
  body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', ...row }] }),
});
const bytesOf = ({ data }: Row): Request => ({
  body: Buffer.from(Float32Array.from(data).buffer),
  headers: { 'Inference-Header-Content-Length': '0' },
});

const asJson = { mlp: jsonOf(mlpRow), picture: jsonOf(pictureRow) } as const;
const asBytes = { cnn: bytesOf(cnnRow), picture: bytesOf(pictureRow) } as const;

const ratios: Record<string, Spread> = {};
const windows: Record<string, Window[]> = {};
let failed = 0;

function ask(side: Side, model: BenchModel, connections: number, request: Request): Promise<Window> {
  return load({ url: side.url(model), host: 'localhost', connections, seconds, warmUpSeconds, ...request });
}

type Rates = Readonly<Record<string, () => Promise<Window | number>>>;

/** Measures some rates in turn and keeps the ratios of the pairings, and the windows and failures of what was asked. */
async function compare(name: string, rates: Rates, pairings: readonly (readonly [string, string])[]): Promise<void> {
  const kept = Object.entries(rates).map(([side, measure]) => {
    const rate = async (): Promise<number> => {
      const found = await measure();
      if (typeof found === 'number') return found;
      failed += found.failed;
      (windows[`${name} ${side}`] ??= []).push(found);
      return found.rps;
    };
    return [side, rate] as const;
  });
  const rounds = await inTurn(Object.fromEntries(kept), pairs, 0);
  for (const pairing of pairings) ratios[`${name} ${pairing.join('/')}`] = compared(name, rounds, pairing);
}

async function compareMlp(folder: string, name: 'mlp' | 'wide', sides: readonly [Side, Side]): Promise<void> {
  const [batched, alone] = sides;
  const reference = await startReference(folder, name);
  try {
    for (const side of [...sides, reference]) await ask(side, name, 16, asJson.mlp);
    for (const connections of [1, 16, 64]) {
      const rates = {
        batched: () => ask(batched, name, connections, asJson.mlp),
        alone: () => ask(alone, name, connections, asJson.mlp),
        reference: () => ask(reference, name, connections, asJson.mlp),
        loop: () => ceiling(folder, name, mlpRow, seconds),
      };
      await compare(`${name}/c${connections}`, rates, [
        ['batched', 'alone'],
        ['batched', 'reference'],
        ['batched', 'loop'],
        ['alone', 'reference'],
      ]);
    }
  } finally {
    reference.server.child.kill('SIGKILL');
  }
}

/** Latencies of health in milliseconds while something else is asked. */
async function healthWhile(side: Side, busy: Promise<unknown>): Promise<Spread & { p99: number }> {
  const url = new URL('/v2/health/live', side.url('cnn'));
  const found: number[] = [];
  const state = { over: false };
  const end = busy.finally(() => (state.over = true));
  for (; !state.over; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const start = performance.now();
    await (await fetch(url)).arrayBuffer();
    found.push(performance.now() - start);
  }
  await end;
  found.sort((a, b) => a - b);
  return { ...spread(found), p99: found[Math.floor(found.length * 0.99)] ?? 0 };
}

async function compareCnn(folder: string, [ours, alone]: readonly [Side, Side]) {
  for (const side of [ours, alone]) await ask(side, 'cnn', 4, asBytes.cnn);
  for (const connections of [4, 16]) {
    const rates = {
      ours: () => ask(ours, 'cnn', connections, asBytes.cnn),
      alone: () => ask(alone, 'cnn', connections, asBytes.cnn),
      loop: () => ceiling(folder, 'cnn', cnnRow, seconds),
    };
    await compare(`cnn/c${connections} bytes`, rates, [
      ['ours', 'loop'],
      ['ours', 'alone'],
    ]);
  }
  const health = await healthWhile(ours, ask(ours, 'cnn', 16, asBytes.cnn));
  console.log(`health under cnn/c16: median ${health.median} ms, p99 ${health.p99.toFixed(1)} ms`);
  return health;
}

/** The same pictures as JSON, which are 150,528 numbers each, and as bytes. */
async function comparePictures(folder: string, [ours]: readonly [Side, Side]): Promise<void> {
  for (const request of [asJson.picture, asBytes.picture]) await ask(ours, 'picture', 4, request);
  const rates = {
    json: () => ask(ours, 'picture', 16, asJson.picture),
    bytes: () => ask(ours, 'picture', 16, asBytes.picture),
    loop: () => ceiling(folder, 'picture', pictureRow, seconds),
  };
  await compare('picture/c16', rates, [
    ['json', 'bytes'],
    ['bytes', 'loop'],
  ]);
}

function goalsOf(healthP99Ms: number) {
  return [
    atLeast(0.95, 'G1 CNN, bytes, c4, beside a loop of runs', ratios['cnn/c4 bytes ours/loop']),
    atLeast(0.95, 'G1 CNN, bytes, c16, beside a loop of runs', ratios['cnn/c16 bytes ours/loop']),
    atLeast(0.8, 'G2 CNN, c16, JSON beside bytes', ratios['picture/c16 json/bytes']),
    atLeast(0.85, 'G3 MLP, JSON, c16, not batched, beside node:http', ratios['mlp/c16 alone/reference']),
    atLeast(2, 'G4 MLP, JSON, c64, batched beside not batched', ratios['mlp/c64 batched/alone']),
    atLeast(1, 'G5 MLP, JSON, c1, batched beside not batched', ratios['mlp/c1 batched/alone']),
    atLeast(1, 'G6 CNN, bytes, c16, batched beside not batched', ratios['cnn/c16 bytes ours/alone']),
    judged('G7 health under CNN, bytes, c16, p99: at most 10 ms', `${healthP99Ms.toFixed(1)} ms`, healthP99Ms <= 10),
    atLeast(0.85, 'MLP, JSON, c16, batched, beside node:http', ratios['mlp/c16 batched/reference']),
    atLeast(0.25, 'MLP, JSON, c16, beside a loop of runs', ratios['mlp/c16 batched/loop']),
    atLeast(0.95, 'MLP, JSON, c1, batched beside not batched', ratios['mlp/c1 batched/alone']),
    judged('no request fails', String(failed), failed === 0),
  ];
}

console.log(
  `serving bench: ${pairs} rounds of ${seconds} s windows, ${threads} thread of ONNX Runtime, load by ${generator}`,
);
const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
writeModels(folder, ['mlp', 'wide', 'cnn', 'picture']);
const sides = [await startOurs(folder), await startOurs(folder, 1)] as const;
try {
  await compareMlp(folder, 'mlp', sides);
  await compareMlp(folder, 'wide', sides);
  const health = await compareCnn(folder, sides);
  await comparePictures(folder, sides);
  console.log(`${failed} requests failed`);
  const goals = goalsOf(health.p99);
  const reference =
    'in the same run: node:http in one thread without batches, our server without batches, a loop of runs';
  conclude({ name: 'serving', reference, ratios, ...{ goals, seconds, pairs, failed, health, windows } });
} finally {
  for (const { server } of sides) server.child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}
