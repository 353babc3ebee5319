/** What was written → OpenAI's answers and chunks, for completions and for chat. Pure. */
import type { TokenLogProbabilities } from '../../decoding/sampling.ts';

/** What every answer and chunk begins with. */
export interface Head {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly model: string;
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
  readonly logprobs: readonly TokenLogProbabilities[] | undefined;
  readonly finish: 'stop' | 'length' | null;
  /** Letters of this choice that were sent before. */
  readonly offset: number;
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
}

function usageOf({ promptTokens, completionTokens, cachedTokens }: TotalUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

/** Probabilities as completions have them: parallel lists, and where each token begins in the text. */
function listedLogprobs({ logprobs, offset }: ChoiceText, spelling: Spelling): object | null {
  if (logprobs === undefined) return null;
  let at = offset;
  const offsets = logprobs.map(({ token }) => {
    at += spelling.textOf(token).length;
    return at - spelling.textOf(token).length;
  });
  return {
    tokens: logprobs.map(({ token }) => spelling.textOf(token)),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [spelling.textOf(token), logprob])),
    ),
    text_offset: offsets,
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
