/** POST /v2/models/{m}[/versions/{v}]/explain: the body of an infer request; answered row by row, for people to read. */
import type { Express, Request, Response } from 'express';
import { heldBody } from '../body.ts';
import { explain, type Explanation } from '../explain/explain.ts';
import { questionOf, type Question } from '../explain/parameters.ts';
import { Connection, headerOf, holdStrings, readyFor, recalled, send, type Face } from '../face.ts';
import type { ModelFacts } from '../loader.ts';
import { wholly } from '../patience.ts';
import { invalid } from '../protocol/errors.ts';
import { decodeQuestion, jsonLengthOf } from '../protocol/open-inference.ts';
import { modelPaths, optionalPartOf, partOf, route } from './route.ts';

/** Registers the route. */
export function explainRoutes(app: Express, face: Face): void {
  route(app, ['post', ...modelPaths('/explain')], async (request, response) => {
    const body = JSON.stringify(await answer(face, request, response));
    await send(face, [request, response], { body, jsonLength: undefined });
  });
}

async function answer(face: Face, request: Request, response: Response): Promise<object> {
  const named = [partOf(request, 'model'), optionalPartOf(request.params, 'version')] as const;
  const caller = new Connection(face, response);
  await recalled(face, named[0], caller);
  // As for inference: refused before the body is read where it can be, asked again after.
  readyFor(face, response, named);
  const lengthIn = (bodyLength: number): number | undefined =>
    jsonLengthOf(headerOf(request, 'inference-header-content-length'), bodyLength);
  const [bytes, share] = await heldBody([request, response], face, (bodyLength) => lengthIn(bodyLength) ?? bodyLength);
  const { model, facts } = readyFor(face, response, named);
  if (model.language !== undefined) throw invalid(`'${model.name}' is a language model, which is not explained`);
  const jsonLength = lengthIn(bytes.length);
  const countStrings = holdStrings(face, response);
  const { request: asked, parameters } = decodeQuestion({ bytes, jsonLength, countStrings }, facts);
  const question = questionOf(parameters, facts);
  const oracle = { facts, infer: model.infer.bind(model), caller, share };
  const found = await model.tasks.during(() => wholly(() => explain(question, asked.inputs, oracle)));
  const rowShape = asked.inputs.find(({ name }) => name === question.input.name)?.shape.slice(1) ?? [];
  return {
    ...{ model_name: model.name, model_version: model.version },
    ...(asked.id !== undefined && { id: asked.id }),
    ...headOf(question),
    explanations: found.map((explanation) => shown(explanation, rowShape, facts)),
  };
}

const headOf = ({ method, input, output }: Question) => ({
  ...{ method: method.kind, input: input.name, output: output.name },
  ...(method.kind === 'integrated' && { steps: method.steps }),
});

function shown(explanation: Explanation, rowShape: readonly number[], { labels }: ModelFacts): object {
  const { target, value, baselineValue, gap, attributions } = explanation;
  const label = labels?.[target];
  return {
    ...{ target, ...(label !== undefined && { label }), value, baseline_value: baselineValue, gap },
    attributions: nested([...attributions], rowShape),
  };
}

/** The elements as lists in lists; a scalar row is its only element. */
function nested(elements: readonly number[], [first, ...rest]: readonly number[]): unknown {
  if (first === undefined) return elements[0];
  if (rest.length === 0) return elements;
  const width = elements.length / first;
  return Array.from({ length: first }, (_, index) => nested(elements.slice(index * width, (index + 1) * width), rest));
}
