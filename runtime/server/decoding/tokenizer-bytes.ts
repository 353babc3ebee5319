/** A tokenizer's files as bytes that threads share, and what the main thread and an encoding thread say to each other. */
import { isRecord } from '../protocol/json.ts';

/** What is asked of the tokens of a text. */
export interface EncodingOptions {
  /** Most tokens that are wanted. */
  readonly limit: number;
  /** With what the tokenizer itself puts around a text. */
  readonly special: boolean;
}

/** A text to encode. */
export interface EncodingTask {
  readonly text: string;
  readonly options: EncodingOptions;
}

/** Its tokens, undefined where they are surely more than the limit; or what the tokenizer failed of. */
export type EncodingReply =
  | { readonly kind: 'encoded'; readonly tokens: readonly number[] | undefined }
  | { readonly kind: 'failed'; readonly message: string };

/** tokenizer.json and tokenizer_config.json. */
export interface TokenizerBytes {
  readonly tokenizer: Uint8Array<SharedArrayBuffer>;
  readonly config: Uint8Array<SharedArrayBuffer>;
}

/** The bytes of a text. */
export function sharedBytes(text: string): Uint8Array<SharedArrayBuffer> {
  const bytes = new Uint8Array(new SharedArrayBuffer(Buffer.byteLength(text)));
  Buffer.from(bytes.buffer).write(text);
  return bytes;
}

/** An object as JSON. Throws when it is none. */
export function objectOf(text: string, name: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below in our own words.
  }
  throw new TypeError(`${name} is not a JSON object`);
}

/** Both files as objects. Throws when one is no JSON. */
export function parsedFiles({ tokenizer, config }: TokenizerBytes) {
  const textOf = (bytes: Uint8Array<SharedArrayBuffer>): string => Buffer.from(bytes.buffer).toString();
  return {
    tokenizer: objectOf(textOf(tokenizer), 'tokenizer.json'),
    config: objectOf(textOf(config), 'tokenizer_config.json'),
  };
}
