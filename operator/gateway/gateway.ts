/** The gateway without its surroundings: routes in, a front door and a demand board out. `main.ts` adds the cluster. */
import type { Server } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import { Budget } from './body.ts';
import type { Config } from './config.ts';
import { DemandBoard } from './demand.ts';
import { createFront } from './front.ts';
import { gatewayMetrics, type GatewayMetrics } from './metrics.ts';
import { Routes, type Route } from './routes.ts';
import { Service, type ServicePorts } from './service.ts';
import { Shares } from './shares.ts';

export interface GatewayPorts {
  readonly config: Config;
  readonly synced: () => boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: Log;
  readonly registry: Registry;
}

export interface Gateway {
  readonly routes: Routes;
  readonly services: ReadonlyMap<string, Service>;
  readonly board: DemandBoard;
  /** The front door, not yet listening. */
  readonly server: Server;
  /** From now on every answer closes its connection. */
  lameDuck(): void;
  /** Stops accepting; resolves when nothing is in flight, or after `ms`, when what is left is refused or cut. */
  drain(ms: number): Promise<void>;
}

/** Read ahead of one body, bytes: what is repeatable after a replica was lost. */
const aheadBytes = 1024 * 1024;
/** A body of 1 MiB is read ahead in five minutes at the latest, or refused. */
const pace = { idleMs: 10_000, bytesPerSecond: 4096 } as const;
const connectMs = 2_000;

/** Keeps `services` as the routes say. A service lives as long as its UID. */
function follow(
  services: Map<string, Service>,
  ports: ServicePorts,
  metrics: Pick<GatewayMetrics, 'forget'>,
): (key: string, route: Route | undefined) => void {
  return (key, route) => {
    const service = services.get(key);
    if (route !== undefined && service !== undefined) {
      service.update(route);
      return;
    }
    if (route !== undefined) services.set(key, new Service(route, ports));
    else if (service !== undefined) {
      services.delete(key);
      service.close();
      metrics.forget(service);
    }
  };
}

function drainer(server: Server, services: ReadonlyMap<string, Service>, clock: Clock) {
  return async (ms: number): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const cancel = clock.after(ms, () => {
      for (const service of services.values()) service.close();
      // The refusals are on their way; whatever is still open a moment later is cut.
      clock.after(200, () => server.closeAllConnections());
    });
    await closed;
    cancel();
  };
}

/** Puts the parts together. */
export function createGateway(ports: GatewayPorts): Gateway {
  const { config, clock, random, synced, newId, log, registry } = ports;
  const services = new Map<string, Service>();
  const board = new DemandBoard({ gateway: config.podName, services: () => services.values(), clock });
  const times = { connectMs, answerMs: config.answerSeconds * 1000 };
  const servicePorts = { clock, random, times, changed: (service: Service) => board.changed(service) };
  let draining = false;
  const metrics = gatewayMetrics(registry, () => services.values());
  const server = createFront({
    ...{ services, synced, clock, newId, log, domain: config.domain },
    draining: () => draining,
    body: { maxBytes: config.maxBodyBytes, aheadBytes, pace, clock },
    shares: new Shares(new Budget(config.bodyMemoryBytes)),
    metrics,
    sampled: () => random() < config.accessLogSample,
    ended: () => {
      if (draining) setImmediate(() => server.closeIdleConnections());
    },
  });
  return {
    routes: new Routes(follow(services, servicePorts, metrics)),
    services,
    board,
    server,
    lameDuck: () => {
      draining = true;
    },
    drain: drainer(server, services, clock),
  };
}
