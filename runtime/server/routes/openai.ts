/** POST /v1/completions and /v1/chat/completions; what else is hot of the API lies beside. */
import { randomInt, randomUUID } from 'node:crypto';
import { setImmediate as others } from 'node:timers/promises';
import { readJsonBody } from '../body.ts';
import type { LanguageModel } from '../decoding/language-model.ts';
import type { Grammar } from '../decoding/grammar/grammar.ts';
import { seedOf, type Sampling } from '../decoding/sampling.ts';
import { requireSpelling } from '../decoding/token-spelling.ts';
import { promptTokens, type TextRequest } from '../decoding/text-writer.ts';
import {
  Connection,
  readyFor,
  recalled,
  requirePost,
  sendError,
  type Exchange,
  type Face,
  type Handler,
  type HotRoute,
} from '../face.ts';
import { requireCaller } from '../patience.ts';
import { invalid, invalidParameter } from '../protocol/errors.ts';
import { chatShape, completionShape, type AnswerShape } from '../protocol/openai/answer.ts';
import { openAiError } from '../protocol/openai/errors.ts';
import {
  chatRequestOf,
  completionRequestOf,
  type CompletionRequest,
  type TextOptions,
} from '../protocol/openai/request.ts';
import { sum } from '../sum.ts';
import type { Tasks } from '../tasks.ts';
import { embeddingHandler } from './embeddings.ts';
import { answerJob, type Job } from './writing.ts';

/** A language model, and what it does not end before. */
export type Found = readonly [model: LanguageModel, tasks: Tasks];

/** A language model by its name. Refuses with 404, 503, or 400 when it is another kind of model. */
function languageModel(face: Face, response: Exchange[1], name: string): Found {
  const { model } = readyFor(face, response, [name]);
  if (model.language !== undefined) return [model.language, model.tasks];
  throw invalidParameter('model', `'${name}' is not a language model; it answers at /v2/models/${name}/infer`);
}

function requestsOf(
  options: TextOptions & { readonly grammar?: Grammar | undefined },
  prompts: readonly (readonly number[])[],
): readonly TextRequest[] {
  const { maxTokens, stops, logprobs, ignoreEnd, sampling, count, grammar, level } = options;
  const seed = sampling.seed ?? randomInt(2 ** 32);
  const common = {
    ...{ maxTokens, stops, ignoreEnd, level },
    ...(logprobs !== undefined && { logprobs }),
    ...(grammar && { grammar }),
  };
  return prompts.flatMap((prompt, index) =>
    Array.from({ length: count }, (_, choice) => {
      return { ...common, prompt, sampling: { ...sampling, seed: seedOf(seed, index * count + choice) } };
    }),
  );
}

/** Refuses biases of tokens that the model does not have. */
function requireTokens(bias: Sampling['bias'], { geometry }: LanguageModel): void {
  const stranger = bias.find(([token]) => token >= geometry.vocabulary);
  if (stranger === undefined) return;
  throw invalidParameter('logit_bias', `the model has no token ${stranger[0]}; it has ${geometry.vocabulary}`);
}

function jobOf(
  model: LanguageModel,
  options: TextOptions,
  [shape, prompts]: [AnswerShape, (readonly number[])[]],
): Job {
  requireTokens(options.sampling.bias, model);
  const requests = requestsOf(options, prompts);
  model.decoder.requireRoom(requests.length);
  return { model, options, shape, requests, promptTokens: sum(prompts.map(({ length }) => length)) };
}

/** The tokens of all prompts of a request. */
async function encoded(
  model: LanguageModel,
  prompts: CompletionRequest['prompts'],
  caller: Connection,
): Promise<(readonly number[])[]> {
  const goesOn = (): void => requireCaller(caller);
  const options = { parameter: 'prompt', special: true, goesOn } as const;
  const all: (readonly number[])[] = [];
  for (const prompt of prompts) {
    // Encoding blocks.
    if (all.length > 0) await others();
    all.push(await promptTokens(model, prompt, options));
  }
  return all;
}

/** The job of a request for completions, to be answered in some shape. */
export async function completing(
  caller: Connection,
  [model, tasks]: Found,
  request: CompletionRequest,
  shape: AnswerShape,
): Promise<Job> {
  const prompts = await tasks.during(() => encoded(model, request.prompts, caller));
  return jobOf(model, request, [shape, prompts]);
}

async function completionJob(face: Face, caller: Connection, body: unknown): Promise<Job> {
  const request = completionRequestOf(body, face.maxOutputTokens);
  await recalled(face, request.model, caller);
  const found = languageModel(face, caller.response, request.model);
  return completing(caller, found, request, completionShape(found[0].codec));
}

/** A language model that keeps to a grammar. What its tokens spell is worked out once, during which it may be replaced. */
async function constrainedModel(find: () => Found, grammar: Grammar): Promise<Found> {
  for (;;) {
    const found = find();
    const [model] = found;
    const vocabulary = await model.spelling.vocabulary();
    requireSpelling(grammar, vocabulary);
    model.decoder.teach(vocabulary.tokens);
    if (find()[0] === model) return found;
  }
}

async function chatJob(face: Face, caller: Connection, body: unknown): Promise<Job> {
  const request = chatRequestOf(body, face.maxOutputTokens);
  const { grammar } = request;
  await recalled(face, request.model, caller);
  const find = (): Found => languageModel(face, caller.response, request.model);
  const [model, tasks] = grammar === undefined ? find() : await constrainedModel(find, grammar);
  if (model.template === undefined)
    throw invalidParameter('model', `'${request.model}' has no chat template; ask it at /v1/completions`);
  // The template writes what a sequence begins with.
  const text = model.template.render(request.messages);
  const options = { parameter: 'messages', special: false, goesOn: () => requireCaller(caller) } as const;
  const prompt = await tasks.during(() => promptTokens(model, text, options));
  return jobOf(model, request, [chatShape(model.codec), [prompt]]);
}

type Prepare = (face: Face, caller: Connection, body: unknown) => Promise<Job>;

const jobs: Readonly<Record<string, Prepare>> = {
  '/v1/completions': completionJob,
  '/v1/chat/completions': chatJob,
};

async function answer(face: Face, exchange: Exchange, prepare: Prepare): Promise<void> {
  try {
    requirePost(exchange[0]);
    const caller = new Connection(face, exchange[1]);
    const body = await readJsonBody(exchange, face);
    if (body === undefined) throw invalid('the request has no body');
    const job = await prepare(face, caller, body);
    caller.trace?.asked(job.shape.operation, job.options.model);
    const id = `${job.shape.idPrefix}-${randomUUID().replaceAll('-', '')}`;
    const head = { id, created: Math.floor(Date.now() / 1000), model: job.options.model };
    await answerJob(face, caller, [job, head]);
  } catch (error) {
    sendError(face, exchange[1], error, openAiError);
  }
}

/** Answers one request for text, whatever is wrong with it. */
export const openAiRoute: HotRoute = (url) => {
  const path = url.replace(/^http:\/\/[^/?#]+/, '').split('?', 1)[0] ?? '';
  if (path === '/v1/embeddings') return embeddingHandler;
  const prepare = Object.hasOwn(jobs, path) ? jobs[path] : undefined;
  if (prepare === undefined) return undefined;
  const handler: Handler = (face, exchange) => void answer(face, exchange, prepare);
  return handler;
};
