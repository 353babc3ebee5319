/**
 * OpenAI's requests for completions and chat completions → the inner language. What is not known is ignored, as upstream
 * does; what is known and would be ignored is refused.
 */
import type { ChatMessage } from '../../decoding/chat-template.ts';
import type { Grammar } from '../../decoding/grammar/grammar.ts';
import type { Sampling } from '../../decoding/sampling.ts';
import { levelOf, levels } from '../../line.ts';
import { invalid, invalidParameter } from '../errors.ts';
import { isRecord } from '../json.ts';
import { Parameters } from './parameters.ts';
import { grammarOfFormat, requireText } from './response-format.ts';

/** What both kinds of requests have. */
export interface TextOptions {
  readonly model: string;
  /** Answers for each prompt. */
  readonly count: number;
  readonly stream: boolean;
  /** A last chunk with the usage. */
  readonly streamUsage: boolean;
  /** Most tokens of each answer; Infinity is as many as the context has room for. */
  readonly maxTokens: number;
  /** Of the line in which the answers wait. */
  readonly level: number;
  readonly stops: readonly string[];
  /** Likeliest tokens to report; undefined reports no probabilities. */
  readonly logprobs: number | undefined;
  readonly ignoreEnd: boolean;
  /** Without a seed of the caller's, chance decides. */
  readonly sampling: Omit<Sampling, 'seed'> & { readonly seed: number | undefined };
}

/** A request for completions; a prompt is text or tokens. */
export interface CompletionRequest extends TextOptions {
  readonly prompts: readonly (string | readonly number[])[];
}

/** A request for a chat completion. */
export interface ChatRequest extends TextOptions {
  readonly messages: readonly ChatMessage[];
  /** What the answer must be; undefined is any text. */
  readonly grammar: Grammar | undefined;
}

const stopLimit = { count: 16, letters: 1024 } as const;
const promptLimit = 128;
/** A chat template blocks for each: a million of them for half a minute. */
const messageLimit = 10_000;
const topLimit = 20;
/** Biases of one request: they are looked through for every token that is written. */
const biasLimit = 1024;

const notOffered = {
  tools: 'this server writes text alone',
  functions: 'this server writes text alone',
  audio: 'this server writes text alone',
  prediction: 'this server writes text alone',
  web_search_options: 'this server has no web',
} as const;

/** What else servers of this API know, and an answer without it would be taken for one with it. */
const ofOthers = {
  ...Object.fromEntries(
    ['guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structured_outputs', 'grammar'].map((name) => {
      return [name, "'response_format' of a chat says what an answer must be"] as const;
    }),
  ),
  stop_token_ids: "'stop' takes texts",
  bad_words: "'logit_bias' keeps tokens out",
  min_tokens: 'an answer ends where the model ends it',
  min_p: "'top_p' and 'top_k' say among which tokens is chosen",
  allowed_token_ids: "'logit_bias' keeps tokens out",
  use_beam_search: 'tokens are chosen one by one',
  prompt_logprobs: "'logprobs' are those of the answer",
  truncate_prompt_tokens: 'nothing is cut',
  include_stop_str_in_output: 'an answer ends before what stops it',
  return_token_ids: "'logprobs' say which tokens an answer has",
  continue_final_message: 'an answer is a message of its own',
  chat_template: "the model's own is used",
  chat_template_kwargs: "the model's own is used as it is",
};

/** Refuses to write anything else than text. `auto` and `none` ask for no tool where there are none. */
function requireTextAlone(parameters: Parameters): void {
  parameters.refuse({ ...notOffered, ...ofOthers });
  const isNoTool = (name: string): boolean => ['auto', 'none', undefined].some((none) => parameters.any(name) === none);
  const tool = ['tool_choice', 'function_call'].find((name) => !isNoTool(name));
  if (tool !== undefined) parameters.refuse({ [tool]: notOffered.tools });
  const modalities = parameters.any('modalities') ?? ['text'];
  if (!Array.isArray(modalities) || modalities.some((modality) => modality !== 'text'))
    throw invalidParameter('modalities', `'modalities' is not ["text"]: ${notOffered.audio}`, 'unsupported_parameter');
}

function recordOf(body: unknown): Parameters {
  if (isRecord(body)) return new Parameters(body);
  throw invalid('the request is not an object');
}

function modelOf(parameters: Parameters): string {
  const model = parameters.text('model');
  if (model === undefined || model === '') throw invalidParameter('model', "'model' is missing");
  return model;
}

function stopsOf(parameters: Parameters): readonly string[] {
  const value = parameters.any('stop') ?? [];
  const stops: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isStop = (stop: unknown): stop is string =>
    typeof stop === 'string' && stop !== '' && stop.length <= stopLimit.letters;
  if (stops.length <= stopLimit.count && stops.every(isStop)) return stops;
  const message = `'stop' is not a string, or up to ${stopLimit.count}, of 1 to ${stopLimit.letters} letters`;
  throw invalidParameter('stop', message);
}

function biasOf(parameters: Parameters): Sampling['bias'] {
  const value = parameters.any('logit_bias') ?? {};
  if (!isRecord(value)) throw invalidParameter('logit_bias', "'logit_bias' is not an object");
  const biases = Object.entries(value);
  if (biases.length > biasLimit) throw invalidParameter('logit_bias', `'logit_bias' has more than ${biasLimit} tokens`);
  return biases.map(([token, bias]) => {
    if (/^(0|[1-9]\d{0,8})$/.test(token) && typeof bias === 'number' && Math.abs(bias) <= 100)
      return [Number(token), bias] as const;
    throw invalidParameter('logit_bias', "'logit_bias' has something else than tokens and numbers from -100 to 100");
  });
}

function samplingOf(parameters: Parameters): TextOptions['sampling'] {
  const penalty = { min: -2, max: 2 };
  return {
    temperature: parameters.number('temperature', { min: 0, max: 2 }, 1),
    topP: parameters.number('top_p', { min: 0, max: 1 }, 1),
    topK: Math.max(0, parameters.integer('top_k', { min: -1, max: 1e9 }, 0)),
    presencePenalty: parameters.number('presence_penalty', penalty, 0),
    frequencyPenalty: parameters.number('frequency_penalty', penalty, 0),
    repetitionPenalty: parameters.number('repetition_penalty', { min: 0.01, max: 100 }, 1),
    bias: biasOf(parameters),
    seed: parameters.integer('seed', { min: -(2 ** 63), max: 2 ** 63 }, undefined),
  };
}

const tokensRange = { min: 1, max: 2 ** 31 } as const;

/**
 * How many tokens the caller asks for, by the first of some names that is there. More than this server writes is refused
 * rather than cut: an answer that ends sooner than its caller wanted would look like the model's own end.
 */
function tokensOf(parameters: Parameters, names: readonly string[], outputLimit: number): number | undefined {
  const all = names.map((name) => ({ name, tokens: parameters.integer(name, tokensRange, undefined) }));
  const { name = '', tokens } = all.find((found) => found.tokens !== undefined) ?? {};
  if (tokens === undefined || tokens <= outputLimit) return tokens;
  const message = `'${name}' is ${tokens}; this server writes at most ${outputLimit} tokens in an answer`;
  throw invalidParameter(name, message, 'invalid_value');
}

function optionsOf(parameters: Parameters, logprobs: number | undefined): Omit<TextOptions, 'maxTokens'> {
  requireTextAlone(parameters);
  const stream = parameters.flag('stream');
  const streamOptions = parameters.object('stream_options');
  if (streamOptions !== undefined && !stream)
    throw invalidParameter('stream_options', "'stream_options' is for streams alone");
  return {
    model: modelOf(parameters),
    count: parameters.integer('n', { min: 1, max: promptLimit }, 1),
    stream,
    streamUsage: streamOptions?.flag('include_usage') ?? false,
    level: levelOf(levels.usual + parameters.integer('priority', { min: -(2 ** 31), max: 2 ** 31 }, 0)),
    stops: stopsOf(parameters),
    logprobs,
    ignoreEnd: parameters.flag('ignore_eos'),
    sampling: samplingOf(parameters),
  };
}

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token) && Number(token) >= 0);

function promptsOf(parameters: Parameters): CompletionRequest['prompts'] {
  const value = parameters.any('prompt');
  if (value === undefined) throw invalidParameter('prompt', "'prompt' is missing");
  const prompts: readonly unknown[] = Array.isArray(value) && !isTokens(value) ? value : [value];
  const isPrompt = (prompt: unknown): prompt is string | readonly number[] =>
    typeof prompt === 'string' || isTokens(prompt);
  if (prompts.length > 0 && prompts.length <= promptLimit && prompts.every(isPrompt)) return prompts;
  const message = `'prompt' is not a string, a list of tokens, or a list of up to ${promptLimit} of these`;
  throw invalidParameter('prompt', message);
}

/** As many as OpenAI writes for a completion whose caller does not say. */
const usualTokens = 16;

/**
 * Reads a request for completions, or refuses it with one sentence. `outputLimit`: most tokens of an answer; Infinity is as
 * many as the context has room for.
 */
export function completionRequestOf(body: unknown, outputLimit: number): CompletionRequest {
  const parameters = recordOf(body);
  const logprobs = parameters.integer('logprobs', { min: 0, max: topLimit }, undefined);
  const options = optionsOf(parameters, logprobs);
  requireText(parameters);
  parameters.refuse({
    suffix: 'the model writes on and does not fill in',
    echo: 'the answer is what was written alone',
  });
  const best = parameters.integer('best_of', { min: 1, max: promptLimit }, options.count);
  if (best !== options.count) throw invalidParameter('best_of', "'best_of' is offered only where it equals 'n'");
  const maxTokens = tokensOf(parameters, ['max_tokens'], outputLimit) ?? Math.min(usualTokens, outputLimit);
  return { ...options, prompts: promptsOf(parameters), maxTokens };
}

/** A message's content: text, or parts of text. */
function contentOf(value: unknown, index: number): string {
  if (typeof value === 'string') return value;
  const parts: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined;
  const texts = parts?.map((part) => {
    if (isRecord(part) && part['type'] === 'text' && typeof part['text'] === 'string') return part['text'];
    throw invalidParameter(
      'messages',
      `messages[${index}].content has a part that is no text, which this server does not read`,
    );
  });
  if (texts !== undefined) return texts.join('');
  throw invalidParameter('messages', `messages[${index}].content is neither a string nor a list of parts`);
}

/** An answer may have been a refusal; of everybody else it is a text that its caller has lost. */
function absentContent(role: string, index: number): string {
  if (role === 'assistant') return '';
  throw invalidParameter('messages', `messages[${index}].content is missing`);
}

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool']);

function messageOf(value: unknown, index: number): ChatMessage {
  if (!isRecord(value)) throw invalidParameter('messages', `messages[${index}] is not an object`);
  const { role, name } = value;
  if (typeof role !== 'string' || !roles.has(role))
    throw invalidParameter('messages', `messages[${index}].role is none of ${[...roles].join(', ')}`);
  for (const call of ['tool_calls', 'function_call', 'audio']) {
    const asked = value[call] ?? [];
    if (!Array.isArray(asked) || asked.length > 0)
      throw invalidParameter('messages', `messages[${index}].${call} is not offered: ${notOffered.tools}`);
  }
  const content = contentOf(value['content'] ?? absentContent(role, index), index);
  // Templates know the older word.
  return { role: role === 'developer' ? 'system' : role, content, ...(typeof name === 'string' && { name }) };
}

function topOf(parameters: Parameters): number | undefined {
  const top = parameters.integer('top_logprobs', { min: 0, max: topLimit }, undefined);
  if (parameters.flag('logprobs')) return top ?? 0;
  if (top !== undefined) throw invalidParameter('top_logprobs', "'top_logprobs' needs 'logprobs' to be true");
  return undefined;
}

/** Reads a request for a chat completion, or refuses it with one sentence; with the limit of `completionRequestOf`. */
export function chatRequestOf(body: unknown, outputLimit: number): ChatRequest {
  const parameters = recordOf(body);
  const options = optionsOf(parameters, topOf(parameters));
  const messages = parameters.any('messages');
  if (!Array.isArray(messages) || messages.length === 0)
    throw invalidParameter('messages', "'messages' is not a list of at least one message");
  if (messages.length > messageLimit)
    throw invalidParameter('messages', `'messages' has more than ${messageLimit} messages`);
  const maxTokens = tokensOf(parameters, ['max_completion_tokens', 'max_tokens'], outputLimit) ?? outputLimit;
  const grammar = grammarOfFormat(parameters);
  if (grammar !== undefined && options.ignoreEnd)
    throw invalidParameter('ignore_eos', "'ignore_eos' is for text: an answer in JSON ends when it is whole");
  return { ...options, messages: messages.map(messageOf), maxTokens, grammar };
}
