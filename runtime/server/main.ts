/** The model server: configuration → engine → HTTP, and the way back on SIGTERM. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import { runMain } from '../../process/main.ts';
import { createRegistry, type Registry } from '../../process/metrics.ts';
import { onShutdown } from '../../process/shutdown.ts';
import { AtRest, lookMs, ownHeap } from './at-rest.ts';
import { BodyBudget } from './body.ts';
import { readConfig, type ServerConfig } from './config.ts';
import type { Timers } from './deadlines.ts';
import { Engine } from './engine.ts';
import type { Face } from './face.ts';
import type { GrpcServer } from './grpc/server.ts';
import { registerMetrics } from './metrics.ts';
import { poll } from './poll.ts';
import { folderRepository, type Repository } from './repository.ts';
import { StuckThread, type Self } from './stuck-thread.ts';
import type { Tracing } from './tracing/tracing.ts';

const ownProcess: Self = {
  kill: (signal) => process.kill(process.pid, signal),
  after: (delayMs, callback) => setTimeout(callback, delayMs),
};

/** Told by GET /v2. */
const facts = { name: 'limbeck', version: '0.1.0' } as const;

async function repositoryOf({ models, cacheDir }: ServerConfig, log: Log): Promise<Repository> {
  if (models.kind === 'folder') return folderRepository(models.path, log);
  // Loaded only when needed: the SDK costs a tenth of a second at start.
  const { storeSource } = await import('./store.ts');
  await mkdir(cacheDir, { recursive: true });
  const source = storeSource({ ...models, cacheDir });
  return { list: () => Promise.resolve([source]) };
}

async function createEngine(config: ServerConfig, log: Log, stuck: StuckThread): Promise<Engine> {
  const repository = await repositoryOf(config, log);
  const now = (): number => systemClock.monotonicMs();
  const after: Timers['after'] = (delayMs, callback) => systemClock.after(delayMs, callback);
  return new Engine(repository, {
    ...{ ...config, log, now, after, random: Math.random },
    onStuckThread: () => stuck.found(),
  });
}

/** Loaded only when asked for, and after REST listens: the library costs more than the rest of the start. */
async function startGrpc(face: Face, { grpcPort }: ServerConfig, log: Log): Promise<GrpcServer | undefined> {
  if (grpcPort === undefined) return undefined;
  const { startGrpcServer } = await import('./grpc/server.ts');
  const server = await startGrpcServer(face, facts, grpcPort);
  log.info('listening for gRPC', { port: server.port });
  return server;
}

/** Loaded only when a collector is named, while the threads of the models start. */
async function startTracing(config: ServerConfig, registry: Registry, log: Log): Promise<Tracing | undefined> {
  if (config.tracing === undefined) return undefined;
  const { Tracing } = await import('./tracing/tracing.ts');
  return new Tracing(config.tracing, { facts, registry, log });
}

/** Until the process is to stop. */
function follow(engine: Engine, { modelControl, pollSeconds }: ServerConfig, [log, signal]: [Log, AbortSignal]): void {
  if (modelControl !== 'poll') return;
  const later = (): Promise<boolean> => sleep(pollSeconds * 1000, true, { signal }).catch(() => false);
  void poll(() => engine.rescan(), later, log);
}

/** Resolves when the process is to stop; at once where it was told so while it started. */
function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    stop.addEventListener('abort', () => resolve(), { once: true });
    if (stop.aborted) resolve();
  });
}

/**
 * How long to go on answering after readiness went false: proxies need that long to hear of it. A quarter of the grace
 * period, 5 seconds at most.
 */
function lameDuckMs(drainSeconds: number): number {
  return Math.min(5_000, drainSeconds * 250);
}

/** A process with a thread that hangs is out of service until it is started anew, so it waits for no stream that takes longer. */
const mostSecondsWithStuckThread = 30;

/** How long spans may take to leave when all else is over: a quarter of the grace period, 2 seconds at most. */
function flushMs(drainSeconds: number): number {
  return Math.min(2_000, drainSeconds * 250);
}

function faceOf(engine: Engine, config: ServerConfig, process: Pick<Face, 'log' | 'draining' | 'tracing'>): Face {
  const sampled = (): boolean => Math.random() < config.accessLogSample;
  const access = { log: process.log, sampled, newId: randomUUID, now: () => performance.now() };
  const { maxBodyBytes, maxBodiesBytes, maxOutputTokens } = config;
  const bodies = new BodyBudget(maxBodiesBytes);
  return { engine, maxBodyBytes, bodies, maxOutputTokens, access, ...process };
}

async function run(config: ServerConfig, log: Log): Promise<void> {
  const stop = onShutdown(log, config.drainSeconds * 1000);
  const stuck = new StuckThread(ownProcess, Math.min(config.drainSeconds, mostSecondsWithStuckThread) * 1000, log);
  const engine = await createEngine(config, log, stuck);
  const registry = createRegistry('server');
  registerMetrics(registry, engine);
  // First, since threads and processes start while this one goes on: with express, which is much of all code.
  await engine.start();
  const { closeServer, createHttpServer } = await import('./http.ts');
  const { listen } = await import('../../process/http-server.ts');
  const tracing = await startTracing(config, registry, log);
  const face = faceOf(engine, config, { log, tracing, draining: () => stop.aborted });
  const server = createHttpServer(face, registry, facts);
  const port = await listen(server, config.port);
  log.info('listening', { port, models: engine.models.map(({ name, version }) => `${name}/${version}`) });
  const grpc = await startGrpc(face, config, log);
  follow(engine, config, [log, stop]);
  const atRest = new AtRest(ownHeap());
  setInterval(() => atRest.look(), lookMs).unref();
  await stopped(stop);
  await sleep(lameDuckMs(config.drainSeconds));
  await Promise.all([closeServer(server), grpc?.close()]);
  await engine.stop();
  await tracing?.close(flushMs(config.drainSeconds));
  log.info('stopped');
  stuck.end();
}

const parsed = readConfig();
const read = parsed.ok
  ? { ok: true as const, value: parsed.config }
  : { ok: false as const, violations: parsed.mistakes };
await runMain('server', read, run);
