/** KServe v1's other paths: liveness, the list of models, readiness of one. */
import type { Express } from 'express';
import type { Face } from '../face.ts';
import { partOf, route } from './route.ts';

/** GET /, /v1/models, /v1/models/{m}. */
export function kserveV1Routes(app: Express, { engine, draining }: Face): void {
  route(app, ['get', '/'], (_request, response) => void response.json({ status: 'alive' }));
  route(app, ['get', '/v1/models'], (_request, response) => {
    response.json({ models: [...new Set(engine.models.map(({ name }) => name))] });
  });
  route(app, ['get', '/v1/models/:model'], (request, response) => {
    const { name, notReady } = engine.find(partOf(request, 'model'));
    const ready = notReady === undefined && !draining();
    response.status(ready ? 200 : 503).json({ name, ready, ...(notReady && { error: notReady.message }) });
  });
}
