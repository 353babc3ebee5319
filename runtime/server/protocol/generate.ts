/**
 * The protocol's texts ↔ the inner language: `{"text_input", "parameters"}`, answered by `{"model_name", "model_version",
 * "text_output"}`, in streams with `done`. The parameters are those of completions, whose names the protocol has.
 */
import { errorSentence, invalid } from './errors.ts';
import { isRecord } from './json.ts';
import type { AnswerShape } from './openai/answer.ts';
import { completionRequestOf, type CompletionRequest } from './openai/request.ts';

/** As many as the protocol writes for a caller who does not say. */
const usualTokens = 20;

/** What the path says. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
}

/** Reads a request, or refuses it with one sentence. `outputLimit`: most tokens of an answer. */
export function generateRequestOf(body: unknown, { model, stream }: Asked, outputLimit: number): CompletionRequest {
  if (!isRecord(body)) throw invalid('the request is not an object');
  const { text_input: text, parameters: given, ...others } = body;
  if (typeof text !== 'string') throw invalid("'text_input' is not a string");
  const parameters = given ?? {};
  if (!isRecord(parameters)) throw invalid("'parameters' is not an object");
  // Some clients put them beside the text.
  const members = { ...others, ...parameters };
  const tokens = members['max_tokens'] ?? Math.min(usualTokens, outputLimit);
  const asked = { ...members, model, prompt: text, stream, max_tokens: tokens, stream_options: null };
  const request = completionRequestOf(asked, outputLimit);
  if (request.count > 1) throw invalid("'n' is more than 1: an answer here is one text");
  if (request.logprobs !== undefined) throw invalid("'logprobs' is not offered: an answer here is text alone");
  return request;
}

/** The answers of one model. */
export function generateShape({ name, version }: { readonly name: string; readonly version: string }): AnswerShape {
  const head = { model_name: name, model_version: version };
  return {
    ...{ idPrefix: 'generate', operation: 'text_completion', mark: undefined, error: errorSentence },
    whole: (_head, choices) => ({ ...head, text_output: choices[0]?.text ?? '' }),
    opening: () => undefined,
    chunk: (_head, { text, finish }) => ({ ...head, text_output: text, done: finish !== null }),
    usage: () => head,
  };
}
