/**
 * The model server against the one that one writes in an afternoon (reference.ts): same model file, same threads, same
 * requests, in alternating windows, so that a noisy machine disturbs both alike. Everything shares the machine's cores,
 * the client included: ratios say more than rates.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlpModel } from '../../test/support/onnx-model.ts';
import { generator, load, type Window } from '../load.ts';
import { cpuSeconds, residentMiB, spread, start, summary, writeResult, type Server, type Spread } from '../measure.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 1);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
/** Of ONNX Runtime, on both sides. */
const threads = '1';

/** The size of the digits student, where the way to the model is all; and one whose 16 MiB of weights must be read. */
const models = { digits: [64, 64, 10], wide: [64, 65_536, 10] } as const;

const data = Array.from({ length: 64 }, (_, index) => (index % 17) / 16);
const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 64], data }] });

interface Sample extends Window {
  readonly cpuMicrosPerRequest: number;
}

async function logits(url: string): Promise<readonly number[]> {
  const response = await fetch(url, { method: 'POST', body });
  const { outputs } = (await response.json()) as { outputs: { data: number[] }[] };
  return outputs[0]?.data ?? [];
}

async function untilReady(url: string): Promise<void> {
  while ((await fetch(url)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function sample(server: Server, url: string, connections: number): Promise<Sample> {
  const before = cpuSeconds(server.child);
  const window = await load({ url, host: 'localhost', body, connections, seconds });
  const micros = ((cpuSeconds(server.child) - before) * 1e6) / (window.rps * seconds);
  return { ...window, cpuMicrosPerRequest: micros };
}

const withCpu = (samples: readonly Sample[]) => ({
  ...summary(samples),
  cpuMicrosPerRequest: spread(samples.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest)),
});

async function cell(name: string, connections: number, [ours, reference]: readonly [Side, Side]) {
  const samples: { ours: Sample; reference: Sample }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    samples.push({
      reference: await sample(reference.server, reference.url, connections),
      ours: await sample(ours.server, ours.url, connections),
    });
  }
  const ratio = (read: (sample: Sample) => number): Spread =>
    spread(samples.map((both) => read(both.ours) / read(both.reference)));
  const found = {
    model: name,
    connections,
    ours: withCpu(samples.map((both) => both.ours)),
    reference: withCpu(samples.map((both) => both.reference)),
    rpsRatio: ratio(({ rps }) => rps),
    p50Ratio: ratio(({ p50Ms }) => p50Ms),
    p99Ratio: ratio(({ p99Ms }) => p99Ms),
    cpuRatio: ratio(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest),
  };
  const { low, median, high } = found.rpsRatio;
  console.log(
    `${name}, c=${connections}: ours ${found.ours.rps.median} rps, reference ${found.reference.rps.median}, ratio ` +
      `${median} (${low}..${high}); p50 ${found.ours.p50Ms.median} / ${found.reference.p50Ms.median} ms, ` +
      `p99 ${found.ours.p99Ms.median} / ${found.reference.p99Ms.median} ms, ` +
      `CPU ${found.ours.cpuMicrosPerRequest.median} / ${found.reference.cpuMicrosPerRequest.median} µs a request, ` +
      `failed ${found.ours.failed} / ${found.reference.failed}`,
  );
  return found;
}

interface Side {
  readonly server: Server;
  readonly url: string;
}

async function startOurs(folder: string): Promise<Side> {
  const env = { LIMBECK_PORT: '0', LIMBECK_INTRA_OP_THREADS: threads, LIMBECK_LOG_LEVEL: 'info' };
  const server = await start('runtime/server/main.ts', [], { ...env, LIMBECK_MODELS_DIR: folder });
  await untilReady(`http://127.0.0.1:${server.port}/v2/health/ready`);
  return { server, url: `http://127.0.0.1:${server.port}/v2/models/model/infer` };
}

async function startReference(folder: string): Promise<Side> {
  const server = await start('bench/serving/reference.ts', [join(folder, 'model', 'model.onnx'), threads]);
  return { server, url: `http://127.0.0.1:${server.port}/` };
}

/** Both must say the same, or the comparison is worth nothing. */
async function checkSame(ours: Side, reference: Side): Promise<void> {
  const [mine, theirs] = await Promise.all([logits(ours.url), logits(reference.url)]);
  const same = mine.length > 0 && mine.every((value, index) => value === theirs[index]);
  if (!same) throw new Error(`the answers differ: ${mine.join()} and ${theirs.join()}`);
}

async function measure(name: keyof typeof models) {
  const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model', 'model.onnx'), mlpModel(models[name]));
  const sides = [await startOurs(folder), await startReference(folder)] as const;
  try {
    await checkSame(...sides);
    for (const { url } of sides) await load({ url, host: 'localhost', body, connections: 16, seconds: 2 });
    const cells = [];
    for (const connections of [1, 16, 64]) cells.push(await cell(name, connections, sides));
    const [ours, reference] = sides.map(({ server }) => residentMiB(server.child));
    return { cells, residentMiB: { model: name, ours, reference } };
  } finally {
    for (const { server } of sides) server.child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

console.log(`serving bench: ${pairs} pairs of ${seconds} s windows for each line, load by ${generator}`);
const measured = [await measure('digits'), await measure('wide')];
const cells = measured.flatMap((found) => found.cells);
const ratios = cells.flatMap(({ model, connections, ...found }) =>
  (['rpsRatio', 'p50Ratio', 'p99Ratio', 'cpuRatio'] as const).map(
    (what) => [`${model}/${connections}/${what.replace('Ratio', '')}`, found[what]] as const,
  ),
);
const result = {
  name: 'serving',
  reference: 'node:http and onnxruntime-node in one thread without batches, in the same run; rps more is better',
  ratios: Object.fromEntries(ratios),
  ...{ seconds, pairs, cells, residentMiB: measured.map((found) => found.residentMiB) },
};
writeResult(result);
