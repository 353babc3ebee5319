/** The administrative face of a process: liveness, readiness and metrics on express. */
import { createServer, type Server } from 'node:http';
import express, { type Express } from 'express';
import type { Registry } from './metrics.ts';

type Fault = string | undefined;

export interface AdminFace {
  readonly registry: Registry;
  /** Undefined when ready; otherwise one sentence that says what is missing. */
  readonly notReady: () => Fault | Promise<Fault>;
  /** Undefined when alive; otherwise why a restart would help. */
  readonly notAlive?: () => Fault | Promise<Fault>;
}

/** GET /healthz, /readyz and /metrics. 200, or 503 with the sentence. */
export function adminApp({ registry, notReady, notAlive }: AdminFace): Express {
  const app = express();
  app.disable('x-powered-by');
  const answer = (path: string, verdict: AdminFace['notReady']): void => {
    app.get(path, async (_request, response) => {
      const fault = await verdict();
      response
        .status(fault === undefined ? 200 : 503)
        .type('text/plain')
        .send(fault ?? 'ok');
    });
  };
  answer('/healthz', notAlive ?? (() => undefined));
  answer('/readyz', notReady);
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  return app;
}

/** Listens on all addresses and resolves when bound; port 0 picks a free one. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Serves `app` on its own port until `signal` aborts. Resolves with the port once bound. */
export async function serve(app: Express, port: number, signal: AbortSignal): Promise<number> {
  const server = createServer(app);
  const bound = await listen(server, port);
  signal.addEventListener('abort', () => {
    server.close();
    server.closeIdleConnections();
  });
  return bound;
}
