/** A prompt → text, in pieces that may be sent as they come. */
import { invalid, invalidParameter, unavailable, type Refusal } from '../protocol/errors.ts';
import type { Asker } from './decoder.ts';
import type { LanguageModel } from './language-model.ts';
import type { Assignment, End } from './messages.ts';
import type { TokenLogProbabilities } from './sampling.ts';
import { StopFilter, TokenText } from './text-stream.ts';

/** An answer to write as text; it ends where the context does, however many tokens are asked for. */
export interface TextRequest extends Omit<Assignment, 'id'> {
  /** Strings that end the answer and are not part of it. */
  readonly stops: readonly string[];
}

/** What an answer cost. */
export interface Usage {
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** A token's probabilities, and how many characters of the text come before it, as callers count them: code points. */
export interface PlacedLogProbabilities extends TokenLogProbabilities {
  readonly offset: number;
}

interface TextPiece {
  readonly kind: 'text';
  readonly text: string;
  readonly logprobs: readonly PlacedLogProbabilities[];
}

/** Text with the probabilities of the tokens that it came from, and at last why there is no more. */
export type Piece = TextPiece | { readonly kind: 'end'; readonly finish: 'stop' | 'length'; readonly usage: Usage };

/** The tokens of a prompt. Refuses what leaves no room for an answer; `goesOn` throws when nobody waits for them any more. */
export async function promptTokens(
  { codec, geometry }: LanguageModel,
  prompt: string | readonly number[],
  options: { readonly parameter: string; readonly special: boolean; readonly goesOn: () => void },
): Promise<readonly number[]> {
  const { contextLength, vocabulary } = geometry;
  const { special, goesOn } = options;
  const isText = typeof prompt === 'string';
  const tokens = isText ? await codec.encodeAside(prompt, { special, limit: contextLength }, goesOn) : prompt;
  if (tokens === undefined || tokens.length >= contextLength) {
    const found = tokens === undefined ? 'many more' : String(tokens.length);
    const message = `the model's context is ${contextLength} tokens and must hold the answer too; the prompt has ${found}`;
    throw invalidParameter(options.parameter, message, 'context_length_exceeded');
  }
  if (tokens.length === 0) throw invalidParameter(options.parameter, 'the prompt is empty');
  const stranger = tokens.find((token) => token >= vocabulary);
  if (stranger === undefined) return tokens;
  throw invalidParameter(options.parameter, `the model has no token ${stranger}; it has ${vocabulary}`);
}

/** Begins where so many code units of the text end. */
interface Held extends PlacedLogProbabilities {
  readonly start: number;
}

/** Holds text and probabilities back until they may be sent. */
class Assembly {
  readonly #text: TokenText;
  readonly #stops: StopFilter;
  #logprobs: Held[] = [];
  /** Code units of all tokens, and of the pieces that were released. */
  #decoded = 0;
  #released = 0;
  /** Code points of all tokens, where they are told. */
  #characters = 0;
  stopped = false;

  constructor({ codec }: LanguageModel, { prompt, stops }: TextRequest) {
    this.#text = new TokenText((tokens) => codec.decode(tokens), prompt.slice(-4));
    this.#stops = new StopFilter(stops);
  }

  push(token: number, logprobs: TokenLogProbabilities | undefined): Piece | undefined {
    const added = this.#text.push(token);
    if (logprobs !== undefined) {
      this.#logprobs.push({ ...logprobs, offset: this.#characters, start: this.#decoded });
      this.#characters += Array.from(added).length;
    }
    this.#decoded += added.length;
    const { text, stopped } = this.#stops.push(added);
    this.stopped = stopped;
    return text === '' ? undefined : this.#piece(text);
  }

  flush(): Piece | undefined {
    const { text, stopped } = this.#stops.push(this.#text.flush());
    this.stopped = stopped;
    const rest = stopped ? text : text + this.#stops.flush();
    // Tokens without text go with the last of it, where nothing was cut.
    const piece = this.#piece(rest, stopped ? undefined : Infinity);
    return rest === '' && piece.logprobs.length === 0 ? undefined : piece;
  }

  /** Text with the tokens that begin before `end`: a stop that is found later may cut those that begin in what is held. */
  #piece(text: string, end = this.#released + text.length): TextPiece {
    const logprobs = this.#logprobs.filter(({ start }) => start < end);
    this.#logprobs = this.#logprobs.slice(logprobs.length);
    this.#released += text.length;
    return { kind: 'text', text, logprobs };
  }
}

function assignmentOf({ geometry }: LanguageModel, request: TextRequest): Omit<Assignment, 'id'> {
  const { prompt, sampling, logprobs, ignoreEnd, grammar, level } = request;
  const maxTokens = Math.min(request.maxTokens, geometry.contextLength - prompt.length);
  const optional = { ...(logprobs !== undefined && { logprobs }), ...(ignoreEnd && { ignoreEnd }) };
  return {
    prompt,
    sampling,
    maxTokens,
    ...optional,
    ...(level !== undefined && { level }),
    ...(grammar && { grammar }),
  };
}

/** Who is told to come again must have a chance then. */
const failureOf = ({ message, again }: Extract<End, { kind: 'failed' }>): Refusal =>
  (again === true ? invalid : unavailable)(`the model failed: ${message}`);

/** Writes one answer. Whoever stops listening, or aborts, has cancelled it. */
export async function* writeText(
  model: LanguageModel,
  request: TextRequest,
  asker: Asker,
): AsyncGenerator<Piece, void, undefined> {
  const { decoder, geometry } = model;
  const assembly = new Assembly(model, request);
  const isEnd = (token: number): boolean => request.ignoreEnd !== true && geometry.endTokens.includes(token);
  let [completionTokens, cachedTokens] = [0, 0];
  for await (const written of decoder.write(assignmentOf(model, request), asker)) {
    if (written.kind === 'end') {
      if (written.end.kind === 'failed') throw failureOf(written.end);
      const rest = assembly.flush();
      if (rest !== undefined) yield rest;
      const finish = written.end.kind === 'length' && !assembly.stopped ? 'length' : 'stop';
      yield { kind: 'end', finish, usage: { completionTokens, cachedTokens: written.cachedTokens } };
      return;
    }
    completionTokens += 1;
    const { token, logprobs } = written.token;
    cachedTokens = written.token.cachedTokens ?? cachedTokens;
    if (isEnd(token)) continue;
    const piece = assembly.push(token, logprobs);
    if (piece !== undefined) yield piece;
    if (assembly.stopped) {
      yield { kind: 'end', finish: 'stop', usage: { completionTokens, cachedTokens } };
      return;
    }
  }
}
