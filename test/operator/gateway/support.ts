/** A gateway on loopback with real backends: what the end-to-end tests share. */
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach } from '@jest/globals';
import { Registry } from 'prom-client';
import { systemClock, type Clock } from '../../../process/clock.ts';
import type { Log } from '../../../process/logger.ts';
import { parseConfig, type Config } from '../../../operator/gateway/config.ts';
import { createGateway, type Gateway } from '../../../operator/gateway/gateway.ts';
import type { RoutedService, RoutedSlice } from '../../../operator/gateway/routes.ts';
import { quiet } from '../../support/quiet-log.ts';

/** What a test has started ends with it. */
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

export interface Backend {
  readonly port: number;
  readonly server: Server;
  /** Drops every connection and stops listening, as a killed process does. */
  readonly kill: () => void;
}

/** Listens on loopback; port 0 picks one. */
export async function startBackend(listener: RequestListener, port = 0): Promise<Backend> {
  const server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const kill = (): void => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  stops.push(kill);
  return { port: (server.address() as AddressInfo).port, server, kill };
}

export const service = (scaling: RoutedService['spec']['scaling'] = {}, ready = true, uid = 'u1'): RoutedService => ({
  apiVersion: 'limbeck.dev/v1alpha1',
  kind: 'ModelService',
  metadata: { namespace: 'default', name: 'digits', uid },
  spec: { scaling },
  status: {
    conditions: [
      {
        ...{ type: 'Ready', status: ready ? 'True' : 'False', reason: 'Tested', lastTransitionTime: '' },
        message: ready ? 'a replica answered' : 'the artefact has another digest',
      },
    ],
  },
});

export const slice = (ports: readonly number[], name = 'digits-replicas-1'): RoutedSlice[] =>
  ports.map((port, index) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...{ namespace: 'default', name: `${name}-${index}` },
      labels: { 'limbeck.dev/model-service': 'digits', 'kubernetes.io/service-name': 'digits-replicas' },
    },
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, targetRef: { uid: `pod-${port}` } }],
    ports: [{ name: 'http', port }],
  }));

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly registry: Registry;
  /** Exactly these ports are ready replicas. */
  replicas(...ports: number[]): void;
}

const testConfig = (overrides: Partial<Config> = {}): Config => {
  const parsed = parseConfig({ POD_NAME: 'gateway-0', LIMBECK_DOMAIN: 'models.example' });
  if (!parsed.ok) throw new Error('the defaults are wrong');
  return { ...parsed.value, accessLogSample: 0, ...overrides };
};

export async function startGateway(
  overrides: Partial<Config> = {},
  synced = true,
  log: Log = quiet,
  clock: Clock = systemClock,
): Promise<TestGateway> {
  const registry = new Registry();
  let id = 0;
  const gateway = createGateway({
    ...{ config: testConfig(overrides), clock, random: Math.random, log, registry },
    newId: () => `made-${++id}`,
    synced: () => synced,
  });
  await new Promise<void>((resolve) => gateway.server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    gateway.server.close();
    gateway.server.closeAllConnections();
    gateway.routes.removeService(service());
  });
  let current: RoutedSlice[] = [];
  return {
    gateway,
    registry,
    port: (gateway.server.address() as AddressInfo).port,
    replicas: (...ports) => {
      const next = slice(ports);
      for (const old of current.slice(next.length)) gateway.routes.removeSlice(old);
      for (const put of next) gateway.routes.putSlice(put);
      current = next;
    },
  };
}

export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Ask {
  readonly path?: string;
  readonly host?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own; rejects when the connection breaks. */
export function ask(port: number, given: Ask = {}): Promise<Answer> {
  const { path = '/v2/models/digits/infer', host = 'digits.default.svc', body, headers = {}, signal } = given;
  const chunked = body === undefined || headers['transfer-encoding'] !== undefined;
  const method = given.method ?? (body === undefined ? 'GET' : 'POST');
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: '127.0.0.1', port, path, method, agent: false },
        headers: { host, ...(chunked ? {} : { 'content-length': Buffer.byteLength(body) }), ...headers },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Waits for something that change brings about; gives up before the test does, so that nothing runs on. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 2000) throw new Error('it never came about');
    await pause(2);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
