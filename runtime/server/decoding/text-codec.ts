/** Text ↔ tokens by a Hugging Face tokenizer. The only importer of @huggingface/tokenizers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { isRecord } from '../protocol/json.ts';

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

/** Whether a tokenizer's decoder reads byte letters. */
function isByteLevel(decoder: unknown): boolean {
  if (!isRecord(decoder)) return false;
  const parts: unknown = decoder['decoders'];
  return decoder['type'] === 'ByteLevel' || (Array.isArray(parts) && parts.some((part) => isByteLevel(part)));
}

/** What is used of the package, whose own types do not resolve under Node's rules for modules. */
interface HuggingFaceTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(
    tokens: number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string;
  id_to_token(token: number): string | undefined;
  get_vocab(withAddedTokens: boolean): ReadonlyMap<string, number>;
}
const create = Tokenizer as unknown as new (tokenizer: object, config: object) => HuggingFaceTokenizer;

/** A tokenizer's two files: tokenizer.json, and tokenizer_config.json where there is one. */
export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Encodes and decodes for one model. */
export class TextCodec {
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #byteLevel: boolean;
  /** Letters of the longest token. */
  #longest = 1;

  constructor({ tokenizer, config }: TokenizerFiles) {
    this.#tokenizer = new create(tokenizer, config);
    this.#byteLevel = isByteLevel(tokenizer['decoder']);
    for (const { length } of this.#tokenizer.get_vocab(true).keys()) this.#longest = Math.max(this.#longest, length);
  }

  /** The tokens of a text; undefined when they are surely more than `limit`: encoding blocks, and costs by the letter. */
  encode(
    text: string,
    { limit, special }: { readonly limit: number; readonly special: boolean },
  ): readonly number[] | undefined {
    if (text.length > limit * this.#longest) return undefined;
    return this.#tokenizer.encode(text, { add_special_tokens: special }).ids;
  }

  /** The first tokens of a text, `count` at most, with what the tokenizer itself puts around the whole. */
  encodeStart(text: string, count: number): readonly number[] {
    // What cannot reach the first tokens is not read; the last ones of a cut text may differ, so there are some to spare.
    const start = text.slice(0, (count + sparedTokens) * this.#longest);
    return this.#tokenizer.encode(start, { add_special_tokens: true }).ids.slice(0, count);
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
    const spelled = this.#tokenizer.id_to_token(token) ?? '';
    const byte = /^<0x([0-9A-F]{2})>$/.exec(spelled)?.[1];
    if (byte !== undefined) return [Number.parseInt(byte, 16)];
    const bytes = this.#byteLevel ? Array.from(spelled, (letter) => letters.get(letter)) : [undefined];
    return bytes.every((known) => known !== undefined) ? bytes : [...Buffer.from(this.textOf(token))];
  }
}
