/** POST /v2/models/{m}[/versions/{v}]/predict: pictures, rows of a table or texts in, labels or values out. */
import type { Express, Request, Response } from 'express';
import type { Caller } from '../batcher.ts';
import { heldBody } from '../body.ts';
import type { ReadyModel } from '../engine.ts';
import { Connection, headerOf, readyFor, recalled, send, type Face } from '../face.ts';
import type { ModelFacts } from '../loader.ts';
import { wholly } from '../patience.ts';
import { invalid } from '../protocol/errors.ts';
import type { TensorSpec } from '../protocol/request.ts';
import { predictionsOf, type Prediction } from '../samples/predictions.ts';
import { samplesOf, type Reader } from '../samples/samples.ts';
import { uploadOf } from '../samples/upload.ts';
import { splitBatch, type Tensor } from '../tensor.ts';
import { modelPaths, optionalPartOf, partOf, route } from './route.ts';

/** Samples that are asked about at once: what the layers of a model need for them is many times their size. */
const rowsAtOnce = 256;

/** Classes that are told of each sample, unless the caller says otherwise. */
const usualTop = 5;

/** Registers the route. */
export function sampleRoutes(app: Express, face: Face): void {
  route(app, ['post', ...modelPaths('/predict')], async (request, response) => {
    const body = JSON.stringify(await answer(face, request, response));
    await send(face, [request, response], { body, jsonLength: undefined });
  });
}

async function answer(face: Face, request: Request, response: Response): Promise<object> {
  const named = [partOf(request, 'model'), optionalPartOf(request.params, 'version')] as const;
  const top = topOf(request.query['top']);
  const caller = new Connection(face, response);
  await recalled(face, named[0], caller);
  // As for inference: refused before the body is read where it can be, asked again after.
  readerOf(readyFor(face, response, named), caller);
  const [bytes, share] = await heldBody([request, response], face);
  const ready = readyFor(face, response, named);
  const reader = { ...readerOf(ready, caller), share };
  const { name, version, tasks } = ready.model;
  const answered = async (): Promise<readonly Prediction[]> => {
    const samples = await samplesOf(await uploadOf(bytes, headerOf(request, 'content-type')), reader);
    return predicted(inParts(samples, reader.input, ready.model.mostRows(samples.shape)), ready, { caller, top });
  };
  const predictions = await tasks.during(() => wholly(answered));
  return { ...{ model_name: name, model_version: version }, predictions };
}

async function predicted(
  parts: readonly Tensor[],
  { model, facts }: ReadyModel,
  { caller, top }: { readonly caller: Caller; readonly top: number },
): Promise<readonly Prediction[]> {
  const predictions: Prediction[] = [];
  for (const part of parts) {
    const asked = { inputs: [part], outputs: [{ name: scoresOf(facts).name, binary: false }] };
    const { outputs } = await model.infer(asked, caller);
    predictions.push(...outputs.flatMap((output) => predictionsOf(output, facts, top)));
  }
  return predictions;
}

function topOf(value: unknown): number {
  if (value === undefined) return usualTop;
  if (typeof value === 'string' && /^[1-9]\d{0,6}$/.test(value)) return Number(value);
  throw invalid("'top' is not a whole number above 0");
}

function readerOf({ model, facts }: ReadyModel, caller: Caller): Omit<Reader, 'share'> {
  const { name, language, codec } = model;
  if (language !== undefined)
    throw invalid(`'${name}' is a language model, which is asked by /v1/completions or /v1/chat/completions`);
  const [input] = facts.inputs;
  if (facts.preprocessing !== undefined && input !== undefined)
    return { input, preprocessing: facts.preprocessing, codec, caller };
  throw invalid(
    `the manifest of '${name}' has no preprocessing, so that only tensors can be sent, to /v2/models/${name}/infer`,
  );
}

/** The first output that can be a score or a value. */
function scoresOf({ outputs }: ModelFacts): TensorSpec {
  const found = outputs.find(({ datatype }) => datatype === 'FP32' || datatype === 'FP64');
  if (found !== undefined) return found;
  throw invalid('the model has no output of type FP32 or FP64');
}

function inParts(samples: Tensor, { name, shape }: TensorSpec, mostRows: number): readonly Tensor[] {
  const [count = 0] = samples.shape;
  const [axis = -1] = shape;
  if (axis !== -1 && axis !== 1) throw invalid(`'${name}' takes ${axis} rows at once; send tensors to infer`);
  const most = axis === 1 ? 1 : Math.min(rowsAtOnce, mostRows);
  const whole = new Array<number>(Math.floor(count / most)).fill(most);
  return splitBatch(samples, count % most === 0 ? whole : [...whole, count % most]);
}
