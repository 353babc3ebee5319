/** The model server: configuration → engine → HTTP, and the way back on SIGTERM. */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../process/logger.ts';
import { runMain } from '../../process/main.ts';
import { createRegistry } from '../../process/metrics.ts';
import { onShutdown } from '../../process/shutdown.ts';
import { listen } from '../../process/http-server.ts';
import { readConfig, type ModelsConfig, type ServerConfig } from './config.ts';
import { Engine } from './engine.ts';
import { closeServer, createHttpServer } from './http.ts';
import { registerMetrics } from './metrics.ts';
import { folderSources, type ModelSource } from './repository.ts';

/** Told by GET /v2. */
const facts = { name: 'limbeck', version: '0.1.0' } as const;

async function sourcesOf(models: ModelsConfig, cacheDir: string): Promise<readonly ModelSource[]> {
  if (models.kind === 'folder') return folderSources(models.path);
  // Loaded only when needed: the SDK costs a tenth of a second at start.
  const { storeSource } = await import('./store.ts');
  await mkdir(cacheDir, { recursive: true });
  return [storeSource({ ...models, cacheDir })];
}

function createEngine(config: ServerConfig, sources: readonly ModelSource[], log: Log): Engine {
  return new Engine(sources, { ...config, log, now: () => performance.now(), random: Math.random });
}

/**
 * How long to go on answering after readiness went false: proxies need that long to hear of it. A quarter of the grace
 * period, 5 seconds at most.
 */
function lameDuckMs(drainSeconds: number): number {
  return Math.min(5_000, drainSeconds * 250);
}

async function run(config: ServerConfig, log: Log): Promise<void> {
  const stop = onShutdown(log, config.drainSeconds * 1000);
  const engine = createEngine(config, await sourcesOf(config.models, config.cacheDir), log);
  const registry = createRegistry('server');
  registerMetrics(registry, engine);
  const { maxBodyBytes } = config;
  const server = createHttpServer({ engine, maxBodyBytes, log, draining: () => stop.aborted }, registry, facts);
  const port = await listen(server, config.port);
  log.info('listening', { port, models: engine.models.map(({ name, version }) => `${name}/${version}`) });
  engine.start();
  await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
  await sleep(lameDuckMs(config.drainSeconds));
  await closeServer(server);
  await engine.stop();
  log.info('stopped');
}

const parsed = readConfig();
const read = parsed.ok
  ? { ok: true as const, value: parsed.config }
  : { ok: false as const, violations: parsed.mistakes };
await runMain('server', read, run);
