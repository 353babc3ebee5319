/** The gateway process: caches → routes → front door; health, metrics and demand on the admin port; drains on a signal. */
import { randomUUID } from 'node:crypto';
import { sleep, systemClock } from '../../process/clock.ts';
import { adminApp, serve } from '../../process/http-server.ts';
import type { Log } from '../../process/logger.ts';
import { runMain } from '../../process/main.ts';
import { createRegistry } from '../../process/metrics.ts';
import { onShutdown } from '../../process/shutdown.ts';
import { endpointSlices, modelServices } from '../api/resources.ts';
import { startCaches, type Change } from '../kernel/caches.ts';
import { connect } from '../kernel/connect.ts';
import { readConfig, type Config } from './config.ts';
import { demandHandler } from './demand.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { feed } from './feed.ts';

const version = '0.1.0';
/** Between the end of draining and the end of the process, at most. */
const lastMs = 5_000;

async function drain(gateway: Gateway, config: Config, log: Log): Promise<void> {
  gateway.lameDuck();
  await sleep(systemClock, config.lameDuckSeconds * 1000, new AbortController().signal);
  log.info('draining', { drainSeconds: config.drainSeconds });
  await gateway.drain(config.drainSeconds * 1000);
  log.info('stopped');
}

async function listenFront(gateway: Gateway, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    gateway.server.once('error', reject);
    gateway.server.listen({ port, backlog: 4096 }, resolve);
  });
}

async function run(config: Config, log: Log): Promise<void> {
  const stop = onShutdown(log, (config.lameDuckSeconds + config.drainSeconds) * 1000 + lastMs);
  // Caches and the admin port outlive the signal: held requests are still to be released, and to be counted.
  const last = new AbortController();
  const registry = createRegistry('gateway');
  const clock = systemClock;
  const connection = await connect({ component: 'gateway', version, registry, clock, log });
  const caches = startCaches({
    ...{ cluster: connection.cluster, resources: [modelServices, endpointSlices], log, registry, clock },
    ...{ signal: last.signal, random: Math.random },
    ...(config.watchNamespace === undefined ? {} : { namespace: config.watchNamespace }),
  });
  const gateway = createGateway({
    ...{ config, clock, log, registry, random: Math.random, newId: randomUUID },
    synced: () => caches.synced(),
  });
  const feedRoutes = feed(gateway.routes);
  caches.onChange((change: Change) => feedRoutes(change));
  const notReady = () => (stop.aborted ? 'the gateway is stopping' : caches.notSynced());
  const admin = adminApp({ registry, notReady });
  admin.get('/demand', demandHandler(gateway.board));
  await serve(admin, config.adminPort, last.signal);
  await listenFront(gateway, config.port);
  log.info('listening', { port: config.port, adminPort: config.adminPort });
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
  await drain(gateway, config, log);
  last.abort();
  await connection.close();
}

await runMain('gateway', readConfig(), run);
