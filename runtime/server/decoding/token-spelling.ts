/** What the tokens of a model spell, for answers that are written under a grammar: worked out when the first one is asked for. */
import { isUtf8 } from 'node:buffer';
import { invalidParameter } from '../protocol/errors.ts';
import type { Geometry } from './geometry.ts';
import type { Grammar, Node } from './grammar/grammar.ts';
import { spelledName } from './grammar/object-names.ts';
import type { TokenBytes } from './grammar/vocabulary.ts';
import type { TextCodec } from './text-codec.ts';

/** Tokens that are looked at in one go: a few milliseconds, between which others are served. */
const slice = 256;

/** Bytes that go on with a character; together they can finish any that was begun. */
const tails = [0x80, 0x90, 0xa0] as const;

/** Letters that a value of each kind may need, besides its names and literals. */
const punctuation: Readonly<Record<Node['kind'], string>> = {
  literal: '',
  // The digit finishes an escape.
  string: '"0',
  number: '0123456789',
  list: '[],',
  object: '{}:,"0',
  choice: '',
};

function lettersOf(node: Node): string {
  if (node.kind === 'literal') return node.texts.join('');
  const names = node.kind === 'object' ? node.properties.map(({ name }) => spelledName(name)) : [];
  return names.join('') + punctuation[node.kind];
}

function joined(parts: readonly Uint8Array[]): TokenBytes {
  const ends = new Uint32Array(parts.length);
  let end = 0;
  for (const [token, { length }] of parts.entries()) ends[token] = end += length;
  return { bytes: Buffer.concat(parts), ends };
}

const soleBytes = (parts: readonly Uint8Array[]): ReadonlySet<number> =>
  new Set(parts.flatMap((bytes) => (bytes.length === 1 ? [...bytes] : [])));

/** Without all tails a character that is begun may never be whole: then only whole ones are used. */
function finishable(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const sole = soleBytes(parts);
  if (tails.every((byte) => sole.has(byte))) return parts;
  return parts.map((bytes) => (isUtf8(bytes) ? bytes : new Uint8Array(0)));
}

/** The bytes of a vocabulary's tokens, and those bytes that are a token by themselves. */
export interface SpelledVocabulary {
  readonly tokens: TokenBytes;
  readonly sole: ReadonlySet<number>;
}

/** The spelling of one model's tokens. */
export class TokenSpelling {
  readonly #codec: TextCodec;
  readonly #geometry: Geometry;
  #found: Promise<SpelledVocabulary> | undefined;

  constructor(codec: TextCodec, geometry: Geometry) {
    this.#codec = codec;
    this.#geometry = geometry;
  }

  /** All tokens; those that end an answer spell nothing. */
  vocabulary(): Promise<SpelledVocabulary> {
    this.#found ??= this.#read();
    return this.#found;
  }

  async #read(): Promise<SpelledVocabulary> {
    const { vocabulary, endTokens } = this.#geometry;
    const parts: Uint8Array[] = [];
    for (let token = 0; token < vocabulary; token += 1) {
      parts.push(endTokens.includes(token) ? new Uint8Array(0) : this.#codec.addedBytes(token));
      if (token % slice === slice - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    return { tokens: joined(finishable(parts)), sole: soleBytes(parts) };
  }
}

/** Refuses a grammar whose texts the tokens may not be able to spell: each byte of it must be a token of its own. */
export function requireSpelling(grammar: Grammar, { sole }: SpelledVocabulary): void {
  for (const letter of new Set(grammar.nodes.flatMap((node) => Array.from(lettersOf(node))))) {
    if (Buffer.from(letter).every((byte) => sole.has(byte))) continue;
    const message = `the model has no token for ${JSON.stringify(letter)} alone, so that no answer can be kept to this format`;
    throw invalidParameter('response_format', message);
  }
}
