/** Every route but the hot one, on express: health, metadata, readiness, statistics, the repository's index, metrics. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Registry } from '../../process/metrics.ts';
import type { Face } from './inference-route.ts';
import { sendError } from './inference-route.ts';
import type { Model } from './model.ts';
import { invalid, Refusal } from './protocol/errors.ts';
import type { TensorSpec } from './protocol/request.ts';

/** What is told of the server itself. */
export interface ServerFacts {
  readonly name: string;
  readonly version: string;
}

type Handler = (request: Request, response: Response) => void;

/** The index of the repository is served as well, but loading and unloading are not: its extension is not claimed. */
const extensions = ['binary_tensor_data', 'statistics'];

const spelled = ({ name, datatype, shape }: TensorSpec): TensorSpec => ({ name, datatype, shape });

/** The model's metadata as the protocol has it, with class names and the facts of this server as extras. */
export function metadataOf(model: Model, versions: readonly string[]): Record<string, unknown> {
  const { facts } = model;
  return {
    name: model.name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: facts?.inputs.map(spelled) ?? [],
    outputs: facts?.outputs.map(spelled) ?? [],
    ...(facts?.labels && { labels: facts.labels }),
    parameters: { provider: facts?.provider, max_batch: facts?.maxBatch, sha256: facts?.sha256 },
  };
}

/** Triton's statistics of a model; durations are nanoseconds. */
export function statisticsOf({ name, version, statistics }: Model): Record<string, unknown> {
  const { succeeded, failed, executions, inferences, lastInferenceAt } = statistics;
  const nanos = (milliseconds: number): number => Math.round(milliseconds * 1e6);
  return {
    name,
    version,
    last_inference: lastInferenceAt,
    inference_count: inferences,
    execution_count: executions,
    inference_stats: {
      success: { count: succeeded, ns: nanos(statistics.requestMs) },
      fail: { count: failed, ns: 0 },
      queue: { count: succeeded + failed, ns: nanos(statistics.queueMs) },
      compute_infer: { count: executions, ns: nanos(statistics.computeMs) },
    },
  };
}

function stateOf({ name, version, notReady }: Model): Record<string, string> {
  if (notReady === undefined) return { name, version, state: 'READY', reason: '' };
  const state = notReady.reason === 'Loading' ? 'LOADING' : 'UNAVAILABLE';
  return { name, version, state, reason: `${notReady.reason}: ${notReady.message}` };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Registers a handler for one method of a path; every other method is 405. */
function route(app: Express, [method, ...paths]: ['get' | 'post', ...string[]], handler: Handler): void {
  for (const path of paths) {
    app[method](path, handler);
    app.all(path, ({ method: used }) => {
      const allow = method === 'get' ? 'GET, HEAD' : 'POST';
      throw new Refusal({ kind: 'methodNotAllowed', allow }, `${used} is not allowed here, ${allow} is`);
    });
  }
}

function healthRoutes(app: Express, { engine, draining }: Face): void {
  const notReady = (): string | undefined => (draining() ? 'the server is stopping' : engine.notReady);
  route(app, ['get', '/healthz'], (_request, response) => void response.type('text/plain').send('ok'));
  route(app, ['get', '/v2/health/live'], (_request, response) => void response.json({ live: true }));
  // Clients of both kinds read these: some the status, others `ready`, and the specification's own text `live`.
  route(app, ['get', '/v2/health/ready'], (_request, response) => {
    const error = notReady();
    if (error === undefined) response.json({ ready: true, live: true });
    else response.status(503).json({ ready: false, live: true, error });
  });
}

function modelRoutes(app: Express, { engine, draining }: Face): void {
  const found = ({ params }: Request): Model => engine.find(textOf(params['model']) ?? '', textOf(params['version']));
  const paths = (suffix: string): [string, string] => [
    `/v2/models/:model${suffix}`,
    `/v2/models/:model/versions/:version${suffix}`,
  ];
  route(app, ['get', '/v2/models'], (_request, response) => {
    response.json({ models: [...new Set(engine.models.map(({ name }) => name))] });
  });
  route(app, ['get', '/v2/models/stats'], (_request, response) => {
    response.json({ model_stats: engine.models.map(statisticsOf) });
  });
  route(app, ['get', ...paths('')], (request, response) => {
    const model = found(request);
    response.json(
      metadataOf(
        model,
        engine.versionsOf(model.name).map(({ version }) => version),
      ),
    );
  });
  route(app, ['get', ...paths('/ready')], (request, response) => {
    const { name, notReady } = found(request);
    if (draining()) response.status(503).json({ name, ready: false, error: 'the server is stopping' });
    else if (notReady === undefined) response.json({ name, ready: true });
    else response.status(503).json({ name, ready: false, reason: notReady.reason, error: notReady.message });
  });
  route(app, ['get', ...paths('/stats')], (request, response) => {
    response.json({ model_stats: [statisticsOf(found(request))] });
  });
  route(app, ['post', '/v2/repository/index'], (_request, response) => void response.json(engine.models.map(stateOf)));
}

/** Express says what is wrong with a URL or a method by an error with a status. */
function refusalOf(error: unknown): unknown {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status < 500 ? invalid('the path of the request is not valid') : error;
}

/** The express application of the server. */
export function createRoutes(face: Face, registry: Registry, { name, version }: ServerFacts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    if (face.draining()) response.setHeader('Connection', 'close');
    next();
  });
  route(app, ['get', '/v2'], (_request, response) => void response.json({ name, version, extensions }));
  healthRoutes(app, face);
  modelRoutes(app, face);
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  app.use(({ path }) => {
    throw new Refusal({ kind: 'notFound' }, `there is nothing at ${path.slice(0, 200)}`);
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendError(face, response, refusalOf(error));
  });
  return app;
}
