/** POST /v2/models/{m}[/versions/{v}]/generate and /generate_stream: texts of language models by the protocol's own words. */
import type { Express, Request, Response } from 'express';
import { readJsonBody } from '../body.ts';
import { Connection, readyFor, recalled, type Face } from '../face.ts';
import { invalid } from '../protocol/errors.ts';
import { generateRequestOf, generateShape } from '../protocol/generate.ts';
import { completing } from './openai.ts';
import { modelPaths, optionalPartOf, partOf, route } from './route.ts';
import { answerJob } from './writing.ts';

async function generate(face: Face, [request, response]: [Request, Response], stream: boolean): Promise<void> {
  const name = partOf(request, 'model');
  const caller = new Connection(face, response);
  const asked = generateRequestOf(
    await readJsonBody([request, response], face),
    { model: name, stream },
    face.maxOutputTokens,
  );
  await recalled(face, name, caller);
  const { model } = readyFor(face, response, [name, optionalPartOf(request.params, 'version')]);
  if (model.language === undefined)
    throw invalid(`'${name}' is no language model: it is asked by /v2/models/${name}/infer`);
  caller.trace?.asked('text_completion', name);
  const job = await completing(caller, [model.language, model.tasks], asked, generateShape(model));
  await answerJob(face, caller, [job, { id: '', created: 0, model: name }]);
}

/** Registers the routes. */
export function generateRoutes(app: Express, face: Face): void {
  for (const [suffix, stream] of [
    ['/generate', false],
    ['/generate_stream', true],
  ] as const) {
    route(app, ['post', ...modelPaths(suffix)], (request, response) => generate(face, [request, response], stream));
  }
}
