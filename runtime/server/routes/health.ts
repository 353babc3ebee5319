/** Whether the server lives and whether it may be sent requests. */
import type { Express } from 'express';
import type { Face } from '../face.ts';
import { route } from './route.ts';

/** GET /healthz, /v2/health/live, /v2/health/ready. */
export function healthRoutes(app: Express, { engine, draining }: Face): void {
  const notReady = (): string | undefined => (draining() ? 'the server is stopping' : engine.notReady);
  route(app, ['get', '/healthz'], (_request, response) => void response.type('text/plain').send('ok'));
  route(app, ['get', '/v2/health/live'], (_request, response) => void response.json({ live: true }));
  // Clients of both kinds read these: some the status, others `ready`, and the specification's own text `live`.
  route(app, ['get', '/v2/health/ready'], (_request, response) => {
    const error = notReady();
    const { passedOver: warning } = engine;
    if (error === undefined) response.json({ ready: true, live: true, ...(warning !== undefined && { warning }) });
    else response.status(503).json({ ready: false, live: true, error });
  });
}
