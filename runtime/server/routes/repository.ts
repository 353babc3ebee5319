/** The model repository extension: the index, and models loaded and unloaded while the server runs. */
import type { Express } from 'express';
import { readJsonBody } from '../body.ts';
import type { Face } from '../face.ts';
import { invalid } from '../protocol/errors.ts';
import { isRecord } from '../protocol/json.ts';
import { checkLoad, checkUnload, repositoryParametersOf } from '../protocol/repository-parameters.ts';
import { partOf, route } from './route.ts';

/** POST /v2/repository/index, /v2/repository/models/{m}/load and /unload. */
export function repositoryRoutes(app: Express, face: Face): void {
  const { engine } = face;
  route(app, ['post', '/v2/repository/index'], async (request, response) => {
    const body = await readJsonBody([request, response], face);
    const readyOnly = (isRecord(body) ? body['ready'] : undefined) ?? false;
    if (typeof readyOnly !== 'boolean') throw invalid("'ready' is neither true nor false");
    const entries = await engine.index();
    response.json(entries.filter(({ state }) => !readyOnly || state === 'READY'));
  });
  route(app, ['post', '/v2/repository/models/:model/load'], async (request, response) => {
    checkLoad(repositoryParametersOf(await readJsonBody([request, response], face)));
    await engine.load(partOf(request, 'model'));
    response.json({});
  });
  route(app, ['post', '/v2/repository/models/:model/unload'], async (request, response) => {
    checkUnload(repositoryParametersOf(await readJsonBody([request, response], face)));
    await engine.unload(partOf(request, 'model'));
    response.json({});
  });
}
