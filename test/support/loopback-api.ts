/** A loopback HTTP server that answers as scripted and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Credentials } from '../../operator/kernel/credentials.ts';
import { usualDeadlines, type Deadlines } from '../../operator/kernel/deadlines.ts';
import { Transport, type Call, type CallCounts } from '../../operator/kernel/transport.ts';
import { systemClock } from '../../process/clock.ts';
import { listen } from '../../process/http-server.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Script = (asked: Asked, response: ServerResponse) => void;

export interface LoopbackApi {
  readonly url: string;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
}

/** `script` answers each request; it may leave it hanging or destroy its socket. */
export async function loopbackApi(script: Script): Promise<LoopbackApi> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      asked.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
      script(asked.at(-1)!, response);
    });
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${String(port)}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Credentials whose token changes with every renewal: `token-0`, `token-1`, … */
export function tokenCredentials(server: string): Credentials {
  let renewals = 0;
  const current = () =>
    Promise.resolve({
      server,
      headers: { authorization: `Bearer token-${String(renewals)}` },
      tls: {},
      fingerprint: server,
    });
  return {
    current,
    renew: () => {
      renewals += 1;
      return current();
    },
  };
}

export const uncounted: CallCounts = {
  sent: () => undefined,
  answered: () => undefined,
  received: () => undefined,
  retried: () => undefined,
};

export function transportTo(
  server: string,
  deadlines: Partial<Deadlines> = {},
  counted: (call: Call, code: string) => void = () => undefined,
): Transport {
  return new Transport({
    credentials: tokenCredentials(server),
    userAgent: 'limbeck/0.0.0 (test)',
    clock: systemClock,
    counts: { ...uncounted, answered: counted, retried: (call) => counted(call, 'retried') },
    deadlines: { ...usualDeadlines, ...deadlines },
  });
}

export const sendJson = (response: ServerResponse, status: number, body: unknown, headers: object = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};
