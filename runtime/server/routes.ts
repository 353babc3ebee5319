/** Every route but the hot ones, on express. Each protocol registers its own; what nobody knows is 404. */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Registry } from '../../process/metrics.ts';
import type { ServerFacts } from './descriptions.ts';
import { sendError, type Face } from './face.ts';
import { invalid, Refusal } from './protocol/errors.ts';
import { isOpenAiPath, openAiError } from './protocol/openai/errors.ts';
import { explainRoutes } from './routes/explain.ts';
import { generateRoutes } from './routes/generate.ts';
import { healthRoutes } from './routes/health.ts';
import { v1ModelRoutes } from './routes/v1-models.ts';
import { modelRoutes } from './routes/models.ts';
import { repositoryRoutes } from './routes/repository.ts';
import { route } from './routes/route.ts';
import { sampleRoutes } from './routes/samples.ts';

/** Express says what is wrong with a URL or a method by an error with a status. */
function refusalOf(error: unknown): unknown {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status < 500 ? invalid('the path of the request is not valid') : error;
}

/** The express application of the server. */
export function createRoutes(face: Face, registry: Registry, facts: ServerFacts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    if (face.draining()) response.setHeader('Connection', 'close');
    next();
  });
  healthRoutes(app, face);
  modelRoutes(app, face, facts);
  explainRoutes(app, face);
  generateRoutes(app, face);
  sampleRoutes(app, face);
  repositoryRoutes(app, face);
  v1ModelRoutes(app, face);
  route(app, ['get', '/metrics'], async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  app.use(({ path }) => {
    throw new Refusal({ kind: 'notFound' }, `there is nothing at ${path.slice(0, 200)}`);
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, { path }: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error);
    else sendError(face, response, refusalOf(error), isOpenAiPath(path) ? openAiError : undefined);
  });
  return app;
}
