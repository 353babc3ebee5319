/**
 * The model server on a GPU beside itself on the same machine's CPUs, beside ONNX Runtime alone on the GPU, and beside itself
 * without batching; whether both say the same; and what becomes of a request that no GPU has the memory for. Windows alternate.
 *
 * Usage: node cluster/bundle.ts && node bench/serving/gpu.ts, on a host with an NVIDIA GPU, with the libraries of CUDA 13 and
 * cuDNN 9 on LD_LIBRARY_PATH, those of the CUDA provider beside ONNX Runtime's, and a python3 with the trainer's packages.
 */
/// <reference lib="esnext.float16" />
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../load.ts';
import { residentMiB, start, writeResult, type Server, type Spread } from '../measure.ts';
import { compared, inTurn, rateOf } from '../rounds.ts';
import { complete, newPrompt, rate, writeLanguageModels } from './language.ts';
import { cnnModel, cnnRow, deep, outerModel } from './models.ts';
import { ceiling, inPod, untilReady, writeModels } from './sides.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 1);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
/** Where there is no GPU the bench itself can be tried with `cpu`. */
const accelerated = process.env.BENCH_PROVIDER ?? 'cuda';

/** Thirty-eight million parameters. */
const decoderShape = { layers: 12, heads: 8, width: 512, contextLength: 512 } as const;

/** Answers that are wanted at once: as many as a server has slots. */
const callers = 16;

type Settings = Readonly<Record<string, string>>;

/** Every one that was started; killed in the end, whatever happens. */
const servers: Server[] = [];

async function serve(folder: string, settings: Settings): Promise<Server> {
  const quiet = { LIMBECK_PORT: '0', LIMBECK_LOG_LEVEL: 'info', LIMBECK_ACCESS_LOG_SAMPLE: '0' };
  const server = await start('build/dist/server.mjs', [], {
    ...{ ...process.env, ...quiet, ...inPod, LIMBECK_MODELS_DIR: folder },
    ...settings,
  });
  servers.push(server);
  await untilReady(`${urlOf(server)}/v2/health/ready`);
  return server;
}

const urlOf = ({ port }: Server): string => `http://127.0.0.1:${String(port)}`;

const binary = { 'Inference-Header-Content-Length': '0' };

/** One picture of each datatype. */
const pictures = {
  FP32: Buffer.from(Float32Array.from(cnnRow.data).buffer),
  FP16: Buffer.from(Float16Array.from(cnnRow.data).buffer),
} as const;

/** The models of pictures, and how each is given one. */
const models = { cnn: 'FP32', deep: 'FP32', 'deep-half': 'FP16' } as const;
type ModelName = keyof typeof models;

function write(folder: string): void {
  writeModels(folder, ['mlp', 'wide', 'cnn']);
  for (const [name, type] of [['deep', 'FP32'] as const, ['deep-half', 'FP16'] as const]) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model.onnx'), cnnModel(deep, type));
  }
  mkdirSync(join(folder, 'outer'));
  writeFileSync(join(folder, 'outer', 'model.onnx'), outerModel());
  writeLanguageModels(folder, { command: ['python3'], repository: '.' }, writers, decoderShape);
}

let failed = 0;

async function pictureRate(server: Server, model: ModelName, connections: number): Promise<number> {
  const url = `${urlOf(server)}/v2/models/${model}/infer`;
  const window = await load({
    ...{ url, host: 'localhost', body: pictures[models[model]], headers: binary, connections, seconds },
  });
  failed += window.failed;
  return window.rps;
}

const tokenRate = (server: Server, model: string, at: number): Promise<number> =>
  rate(at, ({ promptTokens, maxTokens }) =>
    complete(server, [model, newPrompt(promptTokens)], { maxTokens, stream: false }),
  );

const ratios: Record<string, Spread> = {};
const rates: Record<string, Spread> = {};

/** Measures sides in turn, and keeps the first one's ratio to each other one. */
async function compare(name: string, sides: Readonly<Record<string, () => Promise<number>>>): Promise<void> {
  const rounds = await inTurn(sides, pairs);
  const [first = '', ...others] = Object.keys(sides);
  for (const side of [first, ...others]) rates[`${name}, ${side}`] = rateOf(rounds, side);
  for (const other of others) ratios[`${name}: ${first} / ${other}`] = compared(name, rounds, [first, other]);
}

/** Eight pictures that differ, drawn by a rule. */
function drawn(type: 'FP32' | 'FP16'): Buffer {
  const values = Array.from({ length: 8 * cnnRow.data.length }, (_, index) => Math.sin(index * 0.7));
  return Buffer.from((type === 'FP32' ? Float32Array.from(values) : Float16Array.from(values)).buffer);
}

async function answers(server: Server, model: ModelName): Promise<readonly number[]> {
  const url = `${urlOf(server)}/v2/models/${model}/infer`;
  const response = await fetch(url, { method: 'POST', headers: binary, body: new Uint8Array(drawn(models[model])) });
  const whole = await response.arrayBuffer();
  const data = whole.slice(Number(response.headers.get('inference-header-content-length')));
  return Array.from(models[model] === 'FP32' ? new Float32Array(data) : new Float16Array(data));
}

/** The largest difference of an output, as a part of the largest output. */
async function difference([ours, theirs]: readonly [Server, Server], model: ModelName): Promise<number> {
  const [mine, others] = [await answers(ours, model), await answers(theirs, model)];
  const largest = Math.max(...others.map(Math.abs));
  return Math.max(...mine.map((value, index) => Math.abs(value - (others[index] ?? NaN)))) / largest;
}

async function textOf(server: Server, model: string): Promise<string> {
  const said = await complete(server, [model, 'The weather is'], { maxTokens: 64, stream: false });
  return (JSON.parse(said) as { choices: readonly [{ text: string }] }).choices[0].text;
}

interface Facts {
  readonly parameters: { readonly provider?: string; readonly max_batch?: number };
}

async function factsOf(server: Server, model: string): Promise<string> {
  const read = async (path: string): Promise<unknown> =>
    (await fetch(`${urlOf(server)}/v2/models/${model}${path}`)).json();
  const { parameters } = (await read('')) as Facts;
  const { instance_group: groups } = (await read('/config')) as { instance_group: readonly { kind: string }[] };
  return `${model}: ${String(parameters.provider)}, ${String(groups[0]?.kind)}, joins ${String(parameters.max_batch)}`;
}

/** Rows and columns of a table that takes 640 GB, asked for by a few megabytes. */
const tableSide = 400_000;

/** The status and the beginning of the answer to a request that no GPU has the memory for, and whether the next one is answered. */
async function tooMuch(server: Server): Promise<string> {
  const values = Array.from({ length: tableSide }, () => 0);
  const input = (name: string, shape: readonly number[]) => ({ name, datatype: 'FP32', shape, data: values });
  const body = JSON.stringify({ inputs: [input('a', [tableSide, 1]), input('b', [1, tableSide])] });
  const response = await fetch(`${urlOf(server)}/v2/models/outer/infer`, { method: 'POST', body });
  const text = (await response.text()).slice(0, 300);
  const next = await answers(server, 'deep');
  return `${String(response.status)} ${text}; ${String(next.length)} values in the next answer`;
}

async function readySeconds(folder: string, provider: string): Promise<number> {
  const began = performance.now();
  const server = await serve(folder, { LIMBECK_PROVIDER: provider });
  const found = (performance.now() - began) / 1000;
  server.child.kill('SIGKILL');
  return found;
}

/** Of one folder of models: on the GPU, there without joining anything, on the CPUs, and as the server itself chooses. */
async function startSides(folder: string) {
  const gpu = await serve(folder, { LIMBECK_PROVIDER: accelerated });
  const alone = await serve(folder, { LIMBECK_PROVIDER: accelerated, LIMBECK_MAX_BATCH: '1', LIMBECK_SLOTS: '1' });
  return { gpu, alone, cpu: await serve(folder, { LIMBECK_PROVIDER: 'cpu' }), unasked: await serve(folder, {}) };
}

type Sides = Awaited<ReturnType<typeof startSides>>;

const modelNames = Object.keys(models) as ModelName[];
const writers = ['writer', 'light'] as const;

/** What runs what, and whether it says the same as on the CPUs. */
async function tellAnswers({ gpu, cpu, unasked }: Sides): Promise<void> {
  for (const model of [...modelNames, 'mlp', 'wide', ...writers]) console.log(await factsOf(gpu, model));
  for (const model of writers) console.log(`where nobody says on what: ${await factsOf(unasked, model)}`);
  for (const model of modelNames) {
    console.log(`${model}: largest difference to the CPU ${(await difference([gpu, cpu], model)).toExponential(1)}`);
  }
  for (const model of writers) {
    const isSame = (await textOf(gpu, model)) === (await textOf(cpu, model));
    console.log(`${model}: ${isSame ? 'the same text as' : 'another text than'} on the CPU`);
  }
  console.log(`too much: ${await tooMuch(gpu)}`);
}

async function comparePictures(folder: string, { gpu, alone, cpu }: Sides): Promise<void> {
  for (const model of modelNames) {
    for (const connections of [1, 32]) {
      await compare(`${model}/c${String(connections)}`, {
        GPU: () => pictureRate(gpu, model, connections),
        'GPU without batches': () => pictureRate(alone, model, connections),
        CPU: () => pictureRate(cpu, model, connections),
        ...(model !== 'deep-half' && {
          'loop on the GPU': () => ceiling(folder, model, cnnRow, seconds, accelerated),
        }),
      });
    }
  }
}

async function compareWriters({ gpu, alone, cpu }: Sides): Promise<void> {
  for (const model of writers) {
    await compare(`${model}, tokens/s`, {
      GPU: () => tokenRate(gpu, model, callers),
      'GPU one at a time': () => tokenRate(alone, model, callers),
      CPU: () => tokenRate(cpu, model, callers),
    });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  write(folder);
  const sides = await startSides(folder);
  await tellAnswers(sides);
  sides.unasked.child.kill('SIGTERM');
  await comparePictures(folder, sides);
  await compareWriters(sides);
  const [readyOnGpu, readyOnCpu] = [await readySeconds(folder, accelerated), await readySeconds(folder, 'cpu')];
  console.log(`seconds until ready: ${readyOnGpu.toFixed(2)}, CPU ${readyOnCpu.toFixed(2)}`);
  const resident = [sides.gpu, sides.cpu].map(({ child }) => String(residentMiB(child)));
  console.log(`resident MiB: ${resident.join(', CPU ')}; ${String(failed)} requests failed`);
  const reference = 'the same server on the CPUs, and ONNX Runtime alone on the GPU';
  writeResult({ name: 'serving-gpu', reference, ratios, ...{ rates, failed } });
} finally {
  for (const { child } of servers) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
}
