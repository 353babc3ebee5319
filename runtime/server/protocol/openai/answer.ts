/** What was written → OpenAI's answers and chunks, for completions and for chat. Pure. */
import { isUtf8 } from 'node:buffer';
import type { ErrorShape } from '../errors.ts';
import { openAiError } from './errors.ts';
import type { PlacedLogProbabilities } from '../../decoding/text-writer.ts';

/** What every answer and chunk begins with. */
export interface Head {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly model: string;
  /** In every chunk of a stream that ends with its usage; what has that has no null. */
  readonly usage?: null;
}

/** What it cost. */
export interface TotalUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** A choice, or a part of one. */
export interface ChoiceText {
  readonly index: number;
  readonly text: string;
  readonly logprobs: readonly PlacedLogProbabilities[] | undefined;
  readonly finish: 'stop' | 'length' | null;
}

/** Tokens as text and as bytes. */
export interface Spelling {
  textOf(token: number): string;
  bytesOf(token: number): readonly number[];
}

/** One kind of answers: its shapes whole and in a stream. */
export interface AnswerShape {
  readonly idPrefix: string;
  /** As the conventions for traces call it. */
  readonly operation: 'text_completion' | 'chat';
  whole(head: Head, choices: readonly ChoiceText[], usage: TotalUsage): object;
  /** The first chunk of a choice, before any text; undefined where there is none. */
  opening(head: Head, index: number): object | undefined;
  chunk(head: Head, choice: ChoiceText): object;
  /** A chunk that has nothing but the usage. */
  usage(head: Head, usage: TotalUsage): object;
  /** What ends a stream; undefined where its last chunk says that it is. */
  readonly mark: '[DONE]' | undefined;
  /** Of what goes wrong within a stream. */
  readonly error: ErrorShape;
}

const ending = { mark: '[DONE]', error: openAiError } as const;

function usageOf({ promptTokens, completionTokens, cachedTokens }: TotalUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

/** A token as completions name it: text, or as upstream does `bytes:\xe2` where its bytes are no whole characters. */
function nameOf(token: number, spelling: Spelling): string {
  const bytes = Uint8Array.from(spelling.bytesOf(token));
  if (isUtf8(bytes)) return spelling.textOf(token);
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
}

/** The likeliest by name. Of several that are named alike the first is the likeliest. */
function topByName({ top }: PlacedLogProbabilities, spelling: Spelling): object {
  const named = top.map(({ token, logprob }) => [nameOf(token, spelling), logprob] as const);
  const first = new Map<string, number>();
  for (const [name, logprob] of named) if (!first.has(name)) first.set(name, logprob);
  return Object.fromEntries(first);
}

/** Probabilities as completions have them: parallel lists, and where each token begins in the text. */
function listedLogprobs({ logprobs }: ChoiceText, spelling: Spelling): object | null {
  if (logprobs === undefined) return null;
  return {
    tokens: logprobs.map(({ token }) => nameOf(token, spelling)),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map((entry) => topByName(entry, spelling)),
    text_offset: logprobs.map(({ offset }) => offset),
  };
}

/** Probabilities as chat completions have them. */
function nestedLogprobs({ logprobs }: ChoiceText, spelling: Spelling): object | null {
  if (logprobs === undefined) return null;
  const spelled = ({ token, logprob }: { readonly token: number; readonly logprob: number }) => {
    return { token: spelling.textOf(token), logprob, bytes: spelling.bytesOf(token) };
  };
  const content = logprobs.map((entry) => ({ ...spelled(entry), top_logprobs: entry.top.map(spelled) }));
  return { content, refusal: null };
}

/** Completions: plain text. */
export function completionShape(spelling: Spelling): AnswerShape {
  const choice = (part: ChoiceText): object => {
    const { index, text, finish } = part;
    return { index, text, logprobs: listedLogprobs(part, spelling), finish_reason: finish };
  };
  const object = 'text_completion';
  return {
    ...ending,
    idPrefix: 'cmpl',
    operation: 'text_completion',
    whole: (head, choices, usage) => ({ ...head, object, choices: choices.map(choice), usage: usageOf(usage) }),
    opening: () => undefined,
    chunk: (head, part) => ({ ...head, object, choices: [choice(part)] }),
    usage: (head, usage) => ({ ...head, object, choices: [], usage: usageOf(usage) }),
  };
}

/** Chat completions: messages whole, deltas in streams. */
export function chatShape(spelling: Spelling): AnswerShape {
  const object = 'chat.completion.chunk';
  const streamed = (head: Head, index: number, [delta, part]: readonly [object, ChoiceText | undefined]): object => {
    const logprobs = part === undefined ? null : nestedLogprobs(part, spelling);
    return { ...head, object, choices: [{ index, delta, logprobs, finish_reason: part?.finish ?? null }] };
  };
  const choice = (part: ChoiceText): object => ({
    index: part.index,
    message: { role: 'assistant', content: part.text, refusal: null },
    logprobs: nestedLogprobs(part, spelling),
    finish_reason: part.finish,
  });
  return {
    ...ending,
    idPrefix: 'chatcmpl',
    operation: 'chat',
    whole: (head, choices, usage) => {
      return { ...head, object: 'chat.completion', choices: choices.map(choice), usage: usageOf(usage) };
    },
    opening: (head, index) => streamed(head, index, [{ role: 'assistant', content: '' }, undefined]),
    chunk: (head, part) => streamed(head, part.index, [part.text === '' ? {} : { content: part.text }, part]),
    usage: (head, usage) => ({ ...head, object, choices: [], usage: usageOf(usage) }),
  };
}
