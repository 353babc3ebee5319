/** The real autoscaler, and a gateway to which nobody comes. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startAutoscaler, type Autoscaler } from '../../../operator/autoscaler/loop.ts';
import { scalesOf } from '../../../operator/feeds.ts';
import { systemClock } from '../../../process/clock.ts';
import { freshRegistry, rememberingLog } from '../../support/toy.ts';
import type { Instance } from '../instance.ts';

const speaksEveryMs = 1000;

export interface QuietGateway {
  readonly url: string;
  close(): void;
}

export async function startQuietGateway(): Promise<QuietGateway> {
  const listeners = new Set<ServerResponse>();
  const speak = (listener: ServerResponse): boolean => listener.write('{"services":{}}\n');
  const server = createServer((_, response) => {
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
    speak(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const speaking = setInterval(() => listeners.forEach(speak), speaksEveryMs);
  const close = (): void => {
    clearInterval(speaking);
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, close };
}

/** Decides over what the instance has in its caches, until `signal` aborts. */
export const autoscalerOf = ({ manager }: Instance, { url }: QuietGateway, signal: AbortSignal): Autoscaler =>
  startAutoscaler({
    services: () => scalesOf(manager.cache),
    gateways: () => [{ name: 'quiet', url }],
    poke: (key) => manager.poke('modelservice', key),
    ...{ clock: systemClock, random: Math.random, log: rememberingLog(), registry: freshRegistry(), signal },
  });
