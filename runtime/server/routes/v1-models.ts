/** The list of models and readiness of one, for clients of KServe v1 and of OpenAI, who have these paths in common. */
import type { Express } from 'express';
import type { Face } from '../face.ts';
import type { Model } from '../model.ts';
import { unavailable } from '../protocol/errors.ts';
import { openAiError } from '../protocol/openai/errors.ts';
import { partOf, route } from './route.ts';

/** A model as OpenAI lists it; `created` is when this server was started, in epoch seconds. */
function listed({ name, language, facts }: Model, created: number): object {
  const length = language?.geometry.contextLength ?? facts?.embedder?.contextLength;
  const limits = length !== undefined && { max_model_len: length };
  return { id: name, object: 'model', created, owned_by: 'limbeck', ...limits };
}

/** GET /, /v1/models, /v1/models/{m}. */
export function v1ModelRoutes(app: Express, { engine, draining }: Face): void {
  const created = Math.floor(Date.now() / 1000);
  route(app, ['get', '/'], (_request, response) => void response.json({ status: 'alive' }));
  route(app, ['get', '/v1/models'], (_request, response) => {
    const names = [...new Set(engine.models.map(({ name }) => name))];
    response.json({ models: names, object: 'list', data: names.map((name) => listed(engine.find(name), created)) });
  });
  route(app, ['get', '/v1/models/:model'], (request, response) => {
    const model = engine.find(partOf(request, 'model'));
    const { name, notReady } = model;
    const ready = notReady === undefined && !draining();
    const refusal = ready ? undefined : unavailable(notReady?.message ?? 'the server is stopping');
    const error = refusal && openAiError(refusal, 503);
    response.status(ready ? 200 : 503).json({ name, ready, ...error, ...listed(model, created) });
  });
}
