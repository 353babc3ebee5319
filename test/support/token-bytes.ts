/** Vocabularies for grammars. */
import type { TokenBytes } from '../../runtime/server/decoding/grammar/vocabulary.ts';

/** Tokens that spell the given bytes, in this order. */
export function tokenBytes(tokens: readonly Uint8Array[]): TokenBytes {
  let end = 0;
  const ends = Uint32Array.from(tokens, ({ length }) => (end += length));
  return { bytes: Buffer.concat(tokens), ends };
}

/** Every byte is a token. */
export const byteTokens: readonly Uint8Array[] = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
