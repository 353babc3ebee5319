/** What the Open Inference Protocol tells of server and models: metadata, configuration, readiness, statistics. */
import type { Express, Request } from 'express';
import { configOf, extensions, metadataOf, statisticsOf, type ServerFacts } from '../descriptions.ts';
import type { Face } from '../face.ts';
import type { Model } from '../model.ts';
import { modelPaths, optionalPartOf, partOf, route } from './route.ts';

function listRoutes(app: Express, { engine }: Face): void {
  route(app, ['get', '/v2/models'], (_request, response) => {
    response.json({ models: [...new Set(engine.models.map(({ name }) => name))] });
  });
  route(app, ['get', '/v2/models/stats'], (_request, response) => {
    response.json({ model_stats: engine.models.map(statisticsOf) });
  });
}

/** GET /v2, /v2/models, and below each model: itself, config, ready, stats. */
export function modelRoutes(app: Express, face: Face, { name, version }: ServerFacts): void {
  const { engine, draining } = face;
  const found = (request: Request): Model =>
    engine.find(partOf(request, 'model'), optionalPartOf(request.params, 'version'));
  route(app, ['get', '/v2'], (_request, response) => void response.json({ name, version, extensions }));
  listRoutes(app, face);
  route(app, ['get', ...modelPaths('')], (request, response) => {
    const model = found(request);
    const versions = engine.versionsOf(model.name).map((known) => known.version);
    response.json(metadataOf(model, versions));
  });
  route(app, ['get', ...modelPaths('/config')], (request, response) => {
    response.json(configOf(found(request)));
  });
  route(app, ['get', ...modelPaths('/ready')], (request, response) => {
    const { name: model, notReady } = found(request);
    if (draining()) response.status(503).json({ name: model, ready: false, error: 'the server is stopping' });
    else if (notReady === undefined) response.json({ name: model, ready: true });
    else response.status(503).json({ name: model, ready: false, reason: notReady.reason, error: notReady.message });
  });
  route(app, ['get', ...modelPaths('/stats')], (request, response) => {
    const asked = optionalPartOf(request.params, 'version');
    const model = found(request);
    const all = asked === undefined ? engine.versionsOf(model.name) : [model];
    response.json({ model_stats: all.map(statisticsOf) });
  });
}
