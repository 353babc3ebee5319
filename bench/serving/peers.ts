/**
 * The model server beside others that speak its protocol, on the same models: KServe's and MLServer's Python servers, and what one writes
 * with FastAPI. Each has one process and one thread of ONNX Runtime, as ours has; windows alternate.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { atLeast, atMost, conclude } from '../goals.ts';
import { generator, load, type Window } from '../load.ts';
import { residentMiB, spread, spreadText, summary, type Spread } from '../measure.ts';
import { cnnRow, mlpRow } from './models.ts';
import { bundle, inPod, threads, untilAnswered, warmUpSeconds, writeModels } from './sides.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 2);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
const starts = 3;

const models = ['mlp', 'cnn'] as const;
const peersFolder = resolve('bench/serving/peers');

/** A Python with the packages of a file beside the peers. */
const pythonWith = (file: string): string =>
  execFileSync('bash', ['test/clients/venv', join(peersFolder, `${file}.txt`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .toString()
    .trim();

/** Where it answers; and two more for who wants more. */
type Ports = readonly [number, number, number];

/** How one is started over a folder of models, as it is in its image. */
interface Program {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** What is asked of it. `cnn`: one picture as bytes; absent where it takes none. */
interface Contestant {
  readonly program: (folder: string, ports: Ports) => Program;
  readonly cnn?: { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> };
}

const picture = Buffer.from(Float32Array.from(cnnRow.data).buffer);
const bytes = { 'content-type': 'application/octet-stream' };
const rawBytes = { body: picture, headers: { ...bytes, 'Inference-Header-Content-Length': '0' } };
const header = Buffer.from(
  JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: cnnRow.shape, parameters: { binary_data_size: picture.length } }],
    parameters: { binary_data_output: true },
  }),
);
const binaryExtension = {
  body: Buffer.concat([header, picture]),
  headers: { ...bytes, 'Inference-Header-Content-Length': String(header.length) },
};

const script =
  (file: string, python: string) =>
  (folder: string, [port]: Ports) => ({
    command: [python, join(peersFolder, file)] as const,
    env: { PEER_PORT: String(port), PEER_MODELS: models.map((model) => join(folder, model)).join(':') },
  });

/** Its settings are files. */
function mlserver(python: string) {
  return (folder: string, [port, grpcPort, metricsPort]: Ports): Program => {
    const home = mkdtempSync(join(tmpdir(), 'limbeck-bench-mlserver-'));
    const write = (path: string, content: object): void => {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), JSON.stringify(content));
    };
    // Without the processes that it would start beside it, which cost more than they gain on two cores.
    const ports = { http_port: port, grpc_port: grpcPort, metrics_port: metricsPort };
    write('settings.json', { ...ports, parallel_workers: 0, debug: false });
    const uri = join(folder, 'mlp', 'model.onnx');
    write('mlp/model-settings.json', {
      ...{ name: 'mlp', implementation: 'mlserver_model.OnnxModel', parameters: { uri } },
    });
    return {
      command: [join(dirname(python), 'mlserver'), 'start', home],
      env: { PYTHONPATH: peersFolder },
    };
  };
}

/** As it is in the image. */
const ours = (folder: string, [port]: Ports): Program => ({
  command: [process.execPath, 'build/dist/server.mjs'],
  env: {
    ...{ LIMBECK_PORT: String(port), LIMBECK_MODELS_DIR: folder, LIMBECK_LOG_LEVEL: 'error' },
    ...{ ...inPod, LIMBECK_INTRA_OP_THREADS: threads },
  },
});

const kservePython = pythonWith('kserve');
const contestants: Readonly<Record<string, Contestant>> = {
  limbeck: { program: ours, cnn: rawBytes },
  fastapi: { program: script('fastapi_server.py', kservePython), cnn: rawBytes },
  kserve: { program: script('kserve_server.py', kservePython), cnn: binaryExtension },
  mlserver: { program: mlserver(pythonWith('mlserver')) },
};

const json = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', ...mlpRow }] });

/** Starts one, and says how long it took to its first answer. */
async function start(folder: string, { program }: Contestant) {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const { command, env } = program(folder, ports);
  const [file, ...args] = command;
  const began = performance.now();
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' });
  const url = (model: string): string => `http://127.0.0.1:${ports[0]}/v2/models/${model}/infer`;
  const ask = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: json };
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', () => reject(new Error(`${command.join(' ')} ended`)));
  });
  await Promise.race([untilAnswered(() => fetch(url('mlp'), ask)), ended]);
  ended.catch(() => undefined);
  return { child, url, seconds: (performance.now() - began) / 1000 };
}

type Started = Awaited<ReturnType<typeof start>>;

async function stop({ child }: Started): Promise<void> {
  child.kill('SIGKILL');
  await new Promise((over) => child.once('exit', over));
}

/** Cold starts and memory at rest, of all in turn. */
async function startAll(folder: string) {
  const found: Record<string, { readonly seconds: number[]; readonly restMiB: number[] }> = {};
  for (let round = 0; round < starts; round += 1) {
    for (const [name, contestant] of Object.entries(contestants)) {
      const started = await start(folder, contestant);
      await new Promise((over) => setTimeout(over, 1000));
      const known = (found[name] ??= { seconds: [], restMiB: [] });
      known.seconds.push(started.seconds);
      known.restMiB.push(residentMiB(started.child));
      await stop(started);
    }
  }
  const told = Object.entries(found).map(([name, { seconds: took, restMiB }]) => {
    const [coldSeconds, rest] = [spread(took), spread(restMiB)];
    console.log(`${name}: cold start ${coldSeconds.median} s, at rest ${rest.median} MiB`);
    return [name, { coldSeconds, restMiB: rest }] as const;
  });
  return Object.fromEntries(told);
}

type Question = (name: string, started: Started) => Promise<Window> | undefined;

const window = { host: 'localhost', seconds, warmUpSeconds } as const;

const questions: Readonly<Record<string, Question>> = {
  'mlp/c16 JSON': (_, { url }) => load({ ...window, url: url('mlp'), body: json, connections: 16 }),
  'cnn/c4 bytes': (name, { url }) => {
    const cnn = contestants[name]?.cnn;
    return cnn && load({ ...window, url: url('cnn'), connections: 4, ...cnn });
  },
};

/** One question to all of them in turn; ours to each of the others. */
async function compare(what: string, question: Question, running: readonly (readonly [string, Started])[]) {
  const windows: Record<string, Window[]> = {};
  for (let pair = -1; pair < pairs; pair += 1) {
    for (const [name, started] of running) {
      const window = await question(name, started);
      if (window !== undefined && window.failed > 0) throw new Error(`${name}: ${what}: ${window.failed} failed`);
      // The first one warms up.
      if (window !== undefined && pair >= 0) (windows[name] ??= []).push(window);
    }
  }
  const { limbeck = [], ...others } = windows;
  const ratios = Object.entries(others).map(([name, theirs]) => {
    const ratio = spread(theirs.map(({ rps }, at) => (limbeck[at]?.rps ?? NaN) / rps));
    const rates = `limbeck ${spread(limbeck.map(({ rps }) => rps)).median}, ${name} ${spread(theirs.map(({ rps }) => rps)).median}`;
    console.log(`${what}: ${rates}, ratio ${spreadText(ratio)}`);
    return [`${what} limbeck/${name}`, ratio] as const;
  });
  return {
    ratios,
    summaries: Object.entries(windows).map(([name, all]) => [`${what} ${name}`, summary(all)] as const),
  };
}

console.log(`peers bench: ${pairs} rounds of ${seconds} s windows, load by ${generator}`);
bundle();
const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
writeModels(folder, models);
const resting = await startAll(folder);
const running: (readonly [string, Started])[] = [];
for (const [name, contestant] of Object.entries(contestants)) running.push([name, await start(folder, contestant)]);
try {
  const found = [];
  for (const [what, question] of Object.entries(questions)) found.push(await compare(what, question, running));
  const ratios: Record<string, Spread> = Object.fromEntries(found.flatMap((one) => one.ratios));
  const windows = Object.fromEntries(found.flatMap((one) => one.summaries));
  const reference = "in the same run: KServe's and MLServer's Python servers, FastAPI with uvicorn";
  const goals = [
    atLeast(15, "MLP, JSON, c16, beside KServe's server", ratios['mlp/c16 JSON limbeck/kserve']),
    atLeast(15, "MLP, JSON, c16, beside MLServer's", ratios['mlp/c16 JSON limbeck/mlserver']),
    atLeast(1.05, 'CNN, bytes, c4, beside FastAPI', ratios['cnn/c4 bytes limbeck/fastapi']),
    atMost(0.25, 'cold start, s', resting['limbeck']?.coldSeconds),
    atMost(100, 'resident at rest, MiB', resting['limbeck']?.restMiB),
  ];
  conclude({ name: 'serving-peers', reference, ratios, ...{ goals, seconds, pairs, resting, windows } });
} finally {
  await Promise.all(running.map(([, started]) => stop(started)));
  rmSync(folder, { recursive: true });
}
