/** Text ↔ tokens by a Hugging Face tokenizer. The only importer of @huggingface/tokenizers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { isRecord } from '../protocol/json.ts';
import { EncodingThread } from './encoding-thread.ts';
import { lettersPerToken } from './kept-letters.ts';
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

/** Read beyond those that are wanted of the start of a text, and beyond those that a word makes which is cut there. */
const sparedTokens = 32;

/** How much more of a text is read where its start has too few tokens: what was read before hardly counts. */
const growth = 8;

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

/** Letters of the longest word that is not unknown as a whole; 0 where there are no such. */
function longestWord(model: unknown): number {
  if (!isRecord(model) || model['type'] !== 'WordPiece') return 0;
  const letters = model['max_input_chars_per_word'];
  return typeof letters === 'number' ? letters : 100;
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
  /** Letters of a text for each of its tokens, at the most. */
  readonly #perToken: number;
  /** Tokens at the end of the start of a text that need not be those of the whole. */
  readonly #spared: number;

  constructor(files: TokenizerFiles) {
    const { tokenizer, config, bytes } = files;
    this.#aside = bytes && new EncodingThread(bytes);
    this.#tokenizer = new create(tokenizer, config);
    this.#byteLevel = hasDecoder(tokenizer['decoder'], 'ByteLevel');
    this.#byteFallback = hasDecoder(tokenizer['decoder'], 'ByteFallback');
    this.#added = addedTokens(tokenizer, config);
    const vocabulary = this.#tokenizer.get_vocab(true);
    let longest = 1;
    for (const [token, number] of vocabulary) {
      longest = Math.max(longest, token?.length ?? 0);
      this.size = Math.max(this.size, number + 1);
    }
    const hasBytes = [...letters.keys()].every((letter) => vocabulary.has(letter));
    this.#perToken = lettersPerToken(files, longest, hasBytes);
    const added = Array.from(this.#added.keys(), (token) => Buffer.byteLength(token));
    this.#spared = sparedTokens + Math.max(longest, longestWord(tokenizer['model']), ...added);
  }

  /** The tokens of a text; undefined when they are surely more than `limit`: encoding blocks, and costs by the letter. */
  encode(text: string, { limit, special }: EncodingOptions): readonly number[] | undefined {
    if (text.length > limit * this.#perToken) return undefined;
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
    return text.length > options.limit * this.#perToken ? undefined : this.#aside.encode({ text, options }, goesOn);
  }

  /** Ends with its model: nothing is encoded aside any more. */
  async close(): Promise<void> {
    await this.#aside?.close();
  }

  /** Whether the start of a very long text has too many tokens already, so that the rest need not be read. */
  #startsTooLong(text: string, limit: number): boolean {
    const most = limit + this.#spared;
    for (let start = most * usualLetters; 2 * start <= text.length; start *= growth) {
      const { ids } = this.#tokenizer.encode(text.slice(0, start), { add_special_tokens: false });
      if (ids.length > most) return true;
    }
    return false;
  }

  /** The first tokens of a text, `count` at most, with what the tokenizer itself puts around the whole. `goesOn` as of `encodeAside`. */
  async encodeStart(text: string, count: number, goesOn: () => void): Promise<readonly number[]> {
    const enough = count + this.#spared;
    for (let length = enough * usualLetters; ; length *= growth) {
      const start = text.slice(0, length);
      const tokens = (await this.encodeAside(start, { limit: Infinity, special: true }, goesOn)) ?? [];
      // Letters may be no tokens at all, or many one.
      if (length >= text.length || tokens.length >= enough) return tokens.slice(0, count);
    }
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
