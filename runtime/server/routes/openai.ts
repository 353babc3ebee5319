/** POST /v1/completions and /v1/chat/completions: whole, or as a stream of events; what else is hot of the API lies beside. */
import { randomInt, randomUUID } from 'node:crypto';
import { setImmediate as others } from 'node:timers/promises';
import { readJsonBody } from '../body.ts';
import type { Asker } from '../decoding/decoder.ts';
import type { LanguageModel } from '../decoding/language-model.ts';
import type { Grammar } from '../decoding/grammar/grammar.ts';
import { seedOf, type Sampling } from '../decoding/sampling.ts';
import { requireSpelling } from '../decoding/token-spelling.ts';
import { promptTokens, writeText, type Piece, type TextRequest } from '../decoding/text-writer.ts';
import {
  Connection,
  readyFor,
  recalled,
  requirePost,
  send,
  sendError,
  type Exchange,
  type Face,
  type Handler,
  type HotRoute,
} from '../face.ts';
import { errorResponse, invalid, invalidParameter, Refusal } from '../protocol/errors.ts';
import {
  chatShape,
  completionShape,
  type AnswerShape,
  type ChoiceText,
  type Head,
  type TotalUsage,
} from '../protocol/openai/answer.ts';
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
import { EventStream } from './event-stream.ts';

/** One request, ready to be written. */
interface Job {
  readonly model: LanguageModel;
  readonly options: TextOptions;
  readonly shape: AnswerShape;
  /** One for each choice. */
  readonly requests: readonly TextRequest[];
  /** Of every prompt once. */
  readonly promptTokens: number;
}

/** A language model, and what it does not end before. */
type Found = readonly [model: LanguageModel, tasks: Tasks];

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
async function encoded(model: LanguageModel, prompts: CompletionRequest['prompts']): Promise<(readonly number[])[]> {
  const options = { parameter: 'prompt', special: true } as const;
  const all: (readonly number[])[] = [];
  for (const prompt of prompts) {
    // Encoding blocks.
    if (all.length > 0) await others();
    all.push(await promptTokens(model, prompt, options));
  }
  return all;
}

async function completionJob(face: Face, caller: Connection, body: unknown): Promise<Job> {
  const request = completionRequestOf(body, face.maxOutputTokens);
  await recalled(face, request.model, caller);
  const [model, tasks] = languageModel(face, caller.response, request.model);
  const prompts = await tasks.during(() => encoded(model, request.prompts));
  return jobOf(model, request, [completionShape(model.codec), prompts]);
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
  const options = { parameter: 'messages', special: false } as const;
  const prompt = await tasks.during(() => promptTokens(model, text, options));
  return jobOf(model, request, [chatShape(model.codec), [prompt]]);
}

type Prepare = (face: Face, caller: Connection, body: unknown) => Promise<Job>;

const jobs: Readonly<Record<string, Prepare>> = {
  '/v1/completions': completionJob,
  '/v1/chat/completions': chatJob,
};

/** Goes off when the connection closes. */
function leaving(response: Exchange[1]): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  if (response.closed) controller.abort();
  return controller.signal;
}

/** Whoever is at the other end, until the connection closes or the answer has failed. */
function askerOf(caller: Connection, ended: AbortController): Asker {
  const { response, trace, patienceMs } = caller;
  return { signal: AbortSignal.any([leaving(response), ended.signal]), trace, patienceMs };
}

/** What the choices of a job cost together. */
class Total {
  readonly #job: Job;
  /** By prompt. */
  readonly #cachedTokens: number[] = [];
  #completionTokens = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  count(index: number, { usage }: Extract<Piece, { readonly kind: 'end' }>): void {
    const prompt = Math.floor(index / this.#job.options.count);
    // A prompt counts once, however many choices it has: what the first of them had to read was not known.
    this.#cachedTokens[prompt] = Math.min(this.#cachedTokens[prompt] ?? Infinity, usage.cachedTokens);
    this.#completionTokens += usage.completionTokens;
  }

  get usage(): TotalUsage {
    const { promptTokens } = this.#job;
    return { promptTokens, completionTokens: this.#completionTokens, cachedTokens: sum(this.#cachedTokens) };
  }
}

async function wholeChoice(job: Job, index: number, [total, asker]: [Total, Asker]): Promise<ChoiceText> {
  const texts: string[] = [];
  const logprobs = [];
  let finish: ChoiceText['finish'] = null;
  for await (const piece of writeText(job.model, requestAt(job, index), asker)) {
    if (piece.kind === 'text') {
      texts.push(piece.text);
      logprobs.push(...piece.logprobs);
    } else {
      finish = piece.finish;
      total.count(index, piece);
    }
  }
  const reported = job.options.logprobs === undefined ? undefined : logprobs;
  return { index, text: texts.join(''), logprobs: reported, finish };
}

function requestAt({ requests }: Job, index: number): TextRequest {
  const request = requests[index];
  if (request === undefined) throw new RangeError(`there is no choice ${index}`);
  return request;
}

async function answerWhole(face: Face, caller: Connection, [job, head]: [Job, Head]): Promise<void> {
  const ended = new AbortController();
  const asker = askerOf(caller, ended);
  const total = new Total(job);
  try {
    const choices = await Promise.all(job.requests.map((_, index) => wholeChoice(job, index, [total, asker])));
    const body = job.shape.whole(head, choices, total.usage);
    const { response } = caller;
    await send(face, [response.req, response], { body: JSON.stringify(body), jsonLength: undefined });
  } finally {
    // Where one choice failed the others are not wanted.
    ended.abort();
  }
}

async function streamChoice(job: Job, index: number, tools: [Head, EventStream, Total, Asker]): Promise<void> {
  const [head, stream, total, asker] = tools;
  const reported = job.options.logprobs !== undefined;
  let opened = false;
  for await (const piece of writeText(job.model, requestAt(job, index), asker)) {
    const opening = opened ? undefined : job.shape.opening(head, index);
    opened = true;
    if (opening !== undefined) stream.send(opening);
    if (piece.kind === 'text') {
      const { text, logprobs } = piece;
      stream.send(job.shape.chunk(head, { index, text, logprobs: reported ? logprobs : undefined, finish: null }));
    } else {
      total.count(index, piece);
      stream.send(job.shape.chunk(head, { index, text: '', logprobs: undefined, finish: piece.finish }));
    }
  }
}

async function answerStream(face: Face, caller: Connection, [job, begun]: [Job, Head]): Promise<void> {
  const { response } = caller;
  const head: Head = { ...begun, ...(job.options.streamUsage && { usage: null }) };
  const ended = new AbortController();
  const asker = askerOf(caller, ended);
  const stream = new EventStream(face, response);
  const total = new Total(job);
  try {
    await Promise.all(job.requests.map((_, index) => streamChoice(job, index, [head, stream, total, asker])));
    if (job.options.streamUsage) stream.send(job.shape.usage(head, total.usage));
    stream.send('[DONE]');
  } catch (error) {
    if (!response.headersSent || response.destroyed) throw error;
    // The status is out: an event says what went wrong, and the end of the stream comes without its mark.
    const { body } = errorResponse(error, openAiError);
    response.write(`data: ${body}\n\n`);
    if (!(error instanceof Refusal)) face.log.error('stream failed', { error: String(error) });
  } finally {
    ended.abort();
    if (response.headersSent) response.end();
  }
}

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
    await (job.options.stream ? answerStream : answerWhole)(face, caller, [job, head]);
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
