/** What is written for one request → its answer: whole, or as a stream of events. Of every protocol that asks for texts. */
import type { Asker } from '../decoding/decoder.ts';
import type { LanguageModel } from '../decoding/language-model.ts';
import { writeText, type Piece, type TextRequest } from '../decoding/text-writer.ts';
import { send, type Connection, type Exchange, type Face } from '../face.ts';
import { errorResponse, Refusal } from '../protocol/errors.ts';
import type { AnswerShape, ChoiceText, Head, TotalUsage } from '../protocol/openai/answer.ts';
import type { TextOptions } from '../protocol/openai/request.ts';
import { sum } from '../sum.ts';
import { EventStream } from './event-stream.ts';

/** One request, ready to be written. */
export interface Job {
  readonly model: LanguageModel;
  readonly options: TextOptions;
  readonly shape: AnswerShape;
  /** One for each choice. */
  readonly requests: readonly TextRequest[];
  /** Of every prompt once. */
  readonly promptTokens: number;
}

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
    if (job.shape.mark !== undefined) stream.send(job.shape.mark);
  } catch (error) {
    if (!response.headersSent || response.destroyed) throw error;
    // The status is out: an event says what went wrong, and the end of the stream comes without its mark.
    const { body } = errorResponse(error, job.shape.error);
    response.write(`data: ${body}\n\n`);
    if (!(error instanceof Refusal)) face.log.error('stream failed', { error: String(error) });
  } finally {
    ended.abort();
    if (response.headersSent) response.end();
  }
}

/** Writes what a job asks for, and answers with it. */
export function answerJob(face: Face, caller: Connection, [job, head]: [Job, Head]): Promise<void> {
  return (job.options.stream ? answerStream : answerWhole)(face, caller, [job, head]);
}
