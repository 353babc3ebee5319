/** A model server inside the test's process: real sessions, real sockets on loopback, models written for the occasion. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, jest } from '@jest/globals';
import { systemClock } from '../../process/clock.ts';
import { createRegistry } from '../../process/metrics.ts';
import { listen } from '../../process/http-server.ts';
import { BodyBudget } from '../../runtime/server/body.ts';
import { Engine, type EngineOptions } from '../../runtime/server/engine.ts';
import { startGrpcServer, type GrpcServer } from '../../runtime/server/grpc/server.ts';
import { closeServer, createHttpServer } from '../../runtime/server/http.ts';
import { registerMetrics } from '../../runtime/server/metrics.ts';
import { folderRepository } from '../../runtime/server/repository.ts';
import { quiet } from './quiet-log.ts';

/** How models run in tests, unless a test says otherwise. */
export const modelOptions: EngineOptions = {
  modelControl: 'none',
  cpus: 1,
  providers: ['cpu'],
  isolation: 'thread',
  maxBatch: 32,
  queueLimit: 1000,
  slots: 4,
  prefillTokens: 16,
  memoryBytes: 2 ** 34,
  log: quiet,
  now: () => performance.now(),
  after: (delayMs, callback) => systemClock.after(delayMs, callback),
  random: () => 0,
};

// Threads and processes take their time to start when all cores are busy: longer than `until` waits, so that it speaks.
jest.setTimeout(90_000);

const folders: string[] = [];

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A temporary folder with the given files, gone after the last test of the file. */
export async function folderWith(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limbeck-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return folder;
}

/** Asks until the answer is yes. A test that waits for what never comes must end, or its runner never would. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition());) {
    if (Date.now() > deadline) throw new Error(`waited ${withinMs / 1000} s for ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface LiveServer {
  /** Where the models lie. */
  readonly folder: string;
  readonly url: string;
  readonly port: number;
  readonly engine: Engine;
  readonly grpc: GrpcServer;
  /** What SIGTERM does first. */
  drain(): void;
  stop(): Promise<void>;
}

/** Serves models by file name ("mlp/model.onnx") and waits until they are ready, unless told not to. */
export async function serveModels(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Partial<EngineOptions> & {
    readonly maxBodyBytes?: number;
    readonly maxBodiesBytes?: number;
    readonly maxOutputTokens?: number;
    /** Every request is told of, or none. */
    readonly accessLogSample?: 0 | 1;
    /** `decided`: until it is known of every model whether it can be served. */
    readonly wait?: boolean | 'decided';
  } = {},
): Promise<LiveServer> {
  const folder = await folderWith(files);
  const engine = new Engine(folderRepository(folder), { ...modelOptions, ...options });
  const registry = createRegistry('server');
  registerMetrics(registry, engine);
  let draining = false;
  const maxBodyBytes = options.maxBodyBytes ?? 1 << 20;
  const bodies = new BodyBudget(options.maxBodiesBytes ?? 64 << 20);
  const { log = quiet, accessLogSample = 0, maxOutputTokens = Infinity } = options;
  const access = { log, sampled: () => accessLogSample > 0, newId: () => 'made-here', now: () => performance.now() };
  const face = { engine, maxBodyBytes, bodies, maxOutputTokens, log, access, draining: () => draining };
  const facts = { name: 'limbeck', version: 'test' };
  const server = createHttpServer(face, registry, facts);
  const grpc = await startGrpcServer(face, facts, 0);
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  await engine.start();
  const isDecided = (): boolean => engine.models.every(({ notReady }) => notReady?.reason !== 'Loading');
  if (options.wait !== false) await until(options.wait === 'decided' ? isDecided : () => engine.notReady === undefined);
  return {
    folder,
    url: `http://127.0.0.1:${port}`,
    port,
    engine,
    grpc,
    drain: () => {
      draining = true;
    },
    stop: async () => {
      await Promise.all([closeServer(server), grpc.close()]);
      await engine.stop();
    },
  };
}
