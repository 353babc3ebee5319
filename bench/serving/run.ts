/**
 * The model server beside three measures of it: ONNX Runtime alone in a loop, the server that one writes in an afternoon
 * (reference.ts), and itself without batching. Windows alternate, so that a noisy machine disturbs all alike; everything
 * shares the machine's cores, the client included: ratios say more than rates.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atLeast, atMost, judged, tell } from '../goals.ts';
import { generator, load, type Window } from '../load.ts';
import { spread, writeResult, type Spread } from '../measure.ts';
import { cnnRow, mlpRow } from './models.ts';
import { bundle, ceiling, coldStart, startOurs, startReference, threads, writeModels, type Side } from './sides.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 1);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);

const json = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', ...mlpRow }] });
const raw = Buffer.from(Float32Array.from(cnnRow.data).buffer);
const rawHeaders = { 'Inference-Header-Content-Length': '0' };

const ratios: Record<string, Spread> = {};
const windows: Record<string, readonly Window[]> = {};
let failed = 0;

function ask(side: Side, model: string, connections: number): Promise<Window> {
  const request = model === 'cnn' ? { body: raw, headers: rawHeaders } : { body: json };
  return load({ url: side.url(model), host: 'localhost', connections, seconds, ...request });
}

type Rates = Readonly<Record<string, () => Promise<Window | number>>>;

/** Measures some rates in turn, `pairs` times, and keeps the ratios of the pairings, each within its own round. */
async function compare(name: string, rates: Rates, pairings: readonly (readonly [string, string])[]): Promise<void> {
  const rounds: Record<string, number>[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const round: Record<string, number> = {};
    for (const [side, measure] of Object.entries(rates)) {
      const found = await measure();
      round[side] = typeof found === 'number' ? found : found.rps;
      if (typeof found !== 'number') {
        failed += found.failed;
        windows[`${name} ${side}`] = [...(windows[`${name} ${side}`] ?? []), found];
      }
    }
    rounds.push(round);
  }
  const rate = (side: string): Spread => spread(rounds.map((round) => round[side] ?? 0));
  for (const [side, other] of pairings) {
    const ratio = spread(rounds.map((round) => (round[side] ?? 0) / (round[other] ?? 1)));
    ratios[`${name} ${side}/${other}`] = ratio;
    const { median, low, high } = ratio;
    console.log(
      `${name}: ${side} ${rate(side).median}, ${other} ${rate(other).median}, ratio ${median} (${low}..${high})`,
    );
  }
}

async function compareMlp(folder: string, name: 'mlp' | 'wide', sides: readonly [Side, Side]): Promise<void> {
  const [batched, alone] = sides;
  const reference = await startReference(folder, name);
  try {
    for (const side of [...sides, reference]) await ask(side, name, 16);
    for (const connections of [1, 16, 64]) {
      const rates = {
        batched: () => ask(batched, name, connections),
        alone: () => ask(alone, name, connections),
        reference: () => ask(reference, name, connections),
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

async function compareCnn(folder: string, [ours]: readonly [Side, Side]) {
  await ask(ours, 'cnn', 4);
  for (const connections of [4, 16]) {
    const rates = {
      ours: () => ask(ours, 'cnn', connections),
      loop: () => ceiling(folder, 'cnn', cnnRow, seconds),
    };
    await compare(`cnn/c${connections} bytes`, rates, [['ours', 'loop']]);
  }
  const health = await healthWhile(ours, ask(ours, 'cnn', 16));
  console.log(`health under cnn/c16: median ${health.median} ms, p99 ${health.p99.toFixed(1)} ms`);
  return health;
}

async function starts(folder: string) {
  bundle();
  const one = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
  mkdirSync(join(one, 'mlp'));
  symlinkSync(join(folder, 'mlp', 'model.onnx'), join(one, 'mlp', 'model.onnx'));
  const found = [];
  for (let pair = 0; pair < pairs; pair++) found.push(await coldStart(one, json));
  rmSync(one, { recursive: true });
  const [coldSeconds, restMiB] = [spread(found.map((s) => s.seconds)), spread(found.map((s) => s.restMiB))];
  console.log(
    `cold start ${coldSeconds.median} s (${coldSeconds.low}..${coldSeconds.high}), at rest ${restMiB.median} MiB`,
  );
  return { coldSeconds, restMiB };
}

console.log(
  `serving bench: ${pairs} rounds of ${seconds} s windows, ${threads} thread of ONNX Runtime, load by ${generator}`,
);
const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
writeModels(folder);
const start = await starts(folder);
const sides = [await startOurs(folder), await startOurs(folder, 1)] as const;
try {
  await compareMlp(folder, 'mlp', sides);
  await compareMlp(folder, 'wide', sides);
  const health = await compareCnn(folder, sides);
  console.log(`${failed} requests failed`);
  const reference =
    'in the same run: node:http in one thread without batches, our server without batches, a loop of runs';
  const goals = [
    atLeast(0.95, 'CNN, bytes, c16, beside a loop of runs', ratios['cnn/c16 bytes ours/loop']),
    atLeast(0.85, 'MLP, JSON, c16, beside node:http', ratios['mlp/c16 batched/reference']),
    atLeast(0.85, 'MLP, JSON, c16, not batched, beside node:http', ratios['mlp/c16 alone/reference']),
    atLeast(0.25, 'MLP, JSON, c16, beside a loop of runs', ratios['mlp/c16 batched/loop']),
    atLeast(0.95, 'MLP, c1, batched beside not batched', ratios['mlp/c1 batched/alone']),
    atMost(0.25, 'cold start, s', start.coldSeconds),
    atMost(100, 'resident at rest, MiB', start.restMiB),
    judged('health p99 under full load: at most 10 ms', `${health.p99.toFixed(1)} ms`, health.p99 <= 10),
    judged('no request fails', String(failed), failed === 0),
  ];
  tell(goals);
  writeResult({ name: 'serving', reference, ratios, ...{ goals, seconds, pairs, failed, start, health, windows } });
} finally {
  for (const { server } of sides) server.child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}
