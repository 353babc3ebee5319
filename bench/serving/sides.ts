/** The processes that are compared: our server with and without batching, and the server of an afternoon. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { start, type Server } from '../measure.ts';
import { benchModels, type BenchModel, type Row } from './models.ts';

export const run = promisify(execFile);

/** Of ONNX Runtime, on every side. */
export const threads = '1';

/** Of every client, as the loop that ONNX Runtime is measured by has it. */
export const warmUpSeconds = 0.5;

/** Ours as it is in a pod, whose one model has threads; each of a folder's would have a process. */
export const inPod = { LIMBECK_ISOLATION: 'thread' } as const;

/** A server and where it answers for a model. */
export interface Side {
  readonly server: Server;
  readonly url: (model: string) => string;
}

/** Writes models into a folder as our server reads it. */
export function writeModels(folder: string, names: readonly BenchModel[]): void {
  for (const name of names) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'model.onnx'), benchModels[name]());
  }
}

/** Asks again and again until the answer is a good one. */
export async function untilAnswered(ask: () => Promise<Response>): Promise<void> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export const untilReady = (url: string): Promise<void> => untilAnswered(() => fetch(url));

/** Our server over a folder. */
export async function startOurs(folder: string, maxBatch = 32): Promise<Side> {
  const env = { LIMBECK_PORT: '0', LIMBECK_INTRA_OP_THREADS: threads, LIMBECK_MAX_BATCH: String(maxBatch) };
  const server = await start('runtime/server/main.ts', [], { ...env, ...inPod, LIMBECK_MODELS_DIR: folder });
  await untilReady(`http://127.0.0.1:${server.port}/v2/health/ready`);
  return { server, url: (model) => `http://127.0.0.1:${server.port}/v2/models/${model}/infer` };
}

/** node:http and ONNX Runtime in one thread, for one model. */
export async function startReference(folder: string, model: string): Promise<Side> {
  const server = await start('bench/serving/reference.ts', [join(folder, model, 'model.onnx'), threads]);
  return { server, url: () => `http://127.0.0.1:${server.port}/` };
}

/** Rows a second of ONNX Runtime alone, in a process of its own. */
export async function ceiling(
  ...[folder, model, { shape }, seconds, provider = 'cpu']: [string, string, Row, number, string?]
): Promise<number> {
  const file = join(folder, model, 'model.onnx');
  const args = ['bench/serving/ceiling.ts', file, threads, String(seconds), shape.join(), provider];
  return Number((await run(process.execPath, args)).stdout);
}

/** The processes as they are in their images, in build/dist. */
export function bundle(): void {
  execFileSync(process.execPath, ['cluster/bundle.ts']);
  execFileSync(process.execPath, ['build/dist/compile-ahead.mjs', 'build/dist/compiled']);
}
