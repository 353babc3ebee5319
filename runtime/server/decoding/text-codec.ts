/** Text ↔ tokens by a Hugging Face tokenizer. The only importer of @huggingface/tokenizers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { isRecord } from '../protocol/json.ts';
import { EncodingThread } from './encoding-thread.ts';
import type { EncodingOptions, TokenizerBytes } from './tokenizer-bytes.ts';

/** How byte-level vocabularies spell the 256 bytes: printable ones as themselves, the others from U+0100 on. */
function byteLetters(): ReadonlyMap<string, number> {
  const letters = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte += 1) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.set(String.fromCodePoint(printable ? byte : next), byte);
    if (!printable) next += 1;
  }
  return letters;
}
const letters = byteLetters();

/** Read beyond those that are wanted of the start of a text. */
const sparedTokens = 32;

/** Letters that are encoded within some milliseconds, for which a thread would only be a delay. */
const shortLetters = 4096;

/** More letters than most tokens have: of a text with so many for each token that is allowed, the start is read first. */
const usualLetters = 8;

/** Whether a tokenizer's decoder is of a type, or has a part that is. */
function hasDecoder(decoder: unknown, type: string): boolean {
  if (!isRecord(decoder)) return false;
  const parts: unknown = decoder['decoders'];
  return decoder['type'] === type || (Array.isArray(parts) && parts.some((part) => hasDecoder(part, type)));
}

/** Tokens that are added to the vocabulary: what each stands for, and whether it is special, which is never text. */
function addedTokens(tokenizer: unknown, config: Readonly<Record<string, unknown>>): ReadonlyMap<string, boolean> {
  const listed = isRecord(tokenizer) && Array.isArray(tokenizer['added_tokens']) ? tokenizer['added_tokens'] : [];
  const also = Array.isArray(config['additional_special_tokens']) ? config['additional_special_tokens'] : [];
  return new Map([
    ...listed.filter(isRecord).map((token) => [String(token['content']), token['special'] === true] as const),
    ...also.map((token) => [String(token), true] as const),
  ]);
}

/** What is used of the package, whose own types do not resolve under Node's rules for modules. */
interface HuggingFaceTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(
    tokens: number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string;
  id_to_token(token: number): string | undefined;
  /** The numbers of a vocabulary may have holes. */
  get_vocab(withAddedTokens: boolean): ReadonlyMap<string | undefined, number>;
}
const create = Tokenizer as unknown as new (tokenizer: object, config: object) => HuggingFaceTokenizer;

/** A tokenizer's two files: tokenizer.json, and tokenizer_config.json where there is one. */
export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  /** The same for a thread that encodes; without them all is done here. */
  readonly bytes?: TokenizerBytes;
}

/** Encodes and decodes for one model. */
export class TextCodec {
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #byteLevel: boolean;
  readonly #byteFallback: boolean;
  readonly #added: ReadonlyMap<string, boolean>;
  readonly #aside: EncodingThread | undefined;
  /** Tokens have numbers below this one. */
  readonly size: number = 0;
  /** Letters of the longest token. */
  #longest = 1;

  constructor({ tokenizer, config, bytes }: TokenizerFiles) {
    this.#aside = bytes && new EncodingThread(bytes);
    this.#tokenizer = new create(tokenizer, config);
    this.#byteLevel = hasDecoder(tokenizer['decoder'], 'ByteLevel');
    this.#byteFallback = hasDecoder(tokenizer['decoder'], 'ByteFallback');
    this.#added = addedTokens(tokenizer, config);
    for (const [token, number] of this.#tokenizer.get_vocab(true)) {
      this.#longest = Math.max(this.#longest, token?.length ?? 0);
      this.size = Math.max(this.size, number + 1);
    }
  }

  /** The tokens of a text; undefined when they are surely more than `limit`: encoding blocks, and costs by the letter. */
  encode(text: string, { limit, special }: EncodingOptions): readonly number[] | undefined {
    if (text.length > limit * this.#longest) return undefined;
    if (this.#startsTooLong(text, limit)) return undefined;
    return this.#tokenizer.encode(text, { add_special_tokens: special }).ids;
  }

  /**
   * As `encode`, but blocks for no more than some milliseconds: long texts are encoded in a thread of their own. `goesOn` throws when
   * nobody waits for the tokens any more, and is asked when it is their turn.
   */
  async encodeAside(
    text: string,
    options: EncodingOptions,
    goesOn: () => void,
  ): Promise<readonly number[] | undefined> {
    if (this.#aside === undefined || text.length <= shortLetters) return this.encode(text, options);
    return text.length > options.limit * this.#longest ? undefined : this.#aside.encode({ text, options }, goesOn);
  }

  /** Ends with its model: nothing is encoded aside any more. */
  async close(): Promise<void> {
    await this.#aside?.close();
  }

  /** Whether the start of a very long text has too many tokens already, so that the rest need not be read. */
  #startsTooLong(text: string, limit: number): boolean {
    const start = (limit + sparedTokens) * usualLetters;
    if (text.length < 2 * start) return false;
    // The last tokens of a cut text may differ, so there are some to spare.
    const { ids } = this.#tokenizer.encode(text.slice(0, start), { add_special_tokens: false });
    return ids.length > limit + sparedTokens;
  }

  /** The first tokens of a text, `count` at most, with what the tokenizer itself puts around the whole. `goesOn` as of `encodeAside`. */
  async encodeStart(text: string, count: number, goesOn: () => void): Promise<readonly number[]> {
    // What cannot reach the first tokens is not read; the last ones of a cut text may differ, so there are some to spare.
    const start = text.slice(0, (count + sparedTokens) * this.#longest);
    const tokens = await this.encodeAside(start, { limit: Infinity, special: true }, goesOn);
    return tokens?.slice(0, count) ?? [];
  }

  /** The text of tokens, without the special ones. Incomplete UTF-8 is U+FFFD. */
  decode(tokens: readonly number[]): string {
    if (tokens.length === 0) return '';
    // Spaces before punctuation are the model's business.
    return this.#tokenizer.decode([...tokens], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  /** One token by itself as text, special ones too. */
  textOf(token: number): string {
    return this.#tokenizer.decode([token], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  /** The bytes that a token stands for, which need not be whole characters. */
  bytesOf(token: number): readonly number[] {
    return this.#spelledBytes(token) ?? [...Buffer.from(this.textOf(token))];
  }

  /** The bytes that a token adds to a text that has begun: none when it is special, or no token at all. */
  addedBytes(token: number): Uint8Array {
    const spelled = this.#tokenizer.id_to_token(token);
    if (spelled === undefined || this.#added.get(spelled) === true) return new Uint8Array(0);
    const bytes = this.#spelledBytes(token);
    if (bytes !== undefined) return Uint8Array.from(bytes);
    // Many tokenizers write a token at the start of a text otherwise than within it.
    const before = this.encode('a', { limit: 8, special: false }) ?? [];
    const [start, text] = [this.decode(before), this.decode([...before, token])];
    return text.startsWith(start) ? Buffer.from(text.slice(start.length)) : new Uint8Array(0);
  }

  /** The bytes of a token that is spelled byte by byte; undefined when it is text. */
  #spelledBytes(token: number): readonly number[] | undefined {
    const spelled = this.#tokenizer.id_to_token(token) ?? '';
    if (this.#added.has(spelled)) return undefined;
    const byte = this.#byteFallback ? /^<0x([0-9A-F]{2})>$/.exec(spelled)?.[1] : undefined;
    if (byte !== undefined) return [Number.parseInt(byte, 16)];
    if (!this.#byteLevel) return undefined;
    const bytes = Array.from(spelled, (letter) => letters.get(letter));
    return bytes.every((known) => known !== undefined) ? bytes : undefined;
  }
}
