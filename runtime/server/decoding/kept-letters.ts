/**
 * Whether every letter of a text ends up in a token, so that the number of letters says how many tokens there are at least. Only of
 * byte-level vocabularies that is sure: others drop blanks and control characters, or make one token of an unknown word, however
 * long it is. Pure.
 */
import { isRecord } from '../protocol/json.ts';
import type { TokenizerFiles } from './text-codec.ts';

/** Code units of which NFC may make one, as of a Greek vowel with three accents. */
const composedLetters = 4;

/** Pre-tokenizers that only cut. */
const cutting: readonly unknown[] = ['ByteLevel', 'Digits', 'Punctuation', 'FixedLength'];

function partsOf(preTokenizer: unknown): readonly unknown[] {
  const parts: unknown = isRecord(preTokenizer) ? preTokenizer['pretokenizers'] : undefined;
  return Array.isArray(parts) ? parts.flatMap(partsOf) : [preTokenizer];
}

function onlyCuts(part: unknown): boolean {
  if (!isRecord(part)) return false;
  const { type, invert, behavior } = part;
  return cutting.includes(type) || (type === 'Split' && invert === false && behavior !== 'Removed');
}

/** Added tokens may take the blanks beside them. */
const takesBlanks = (token: unknown): boolean =>
  isRecord(token) && (token['lstrip'] === true || token['rstrip'] === true);

function isByteLevel({ model, pre_tokenizer: preTokenizer }: TokenizerFiles['tokenizer']): boolean {
  const parts = partsOf(preTokenizer);
  const spellsBytes = parts.some((part) => isRecord(part) && part['type'] === 'ByteLevel');
  return isRecord(model) && model['type'] === 'BPE' && spellsBytes && parts.every(onlyCuts);
}

/** Code units of a text for each of its tokens that has `longest` at the most, or Infinity. All bytes are tokens if `hasBytes`. */
export function lettersPerToken({ tokenizer, config }: TokenizerFiles, longest: number, hasBytes: boolean): number {
  const { normalizer, added_tokens: added } = tokenizer;
  const composes = isRecord(normalizer) && normalizer['type'] === 'NFC';
  const isChanged = (normalizer ?? undefined) !== undefined && !composes;
  const isStripped = config['remove_space'] === true || config['do_lowercase_and_remove_accent'] === true;
  const drops = isStripped || isChanged || (Array.isArray(added) && added.some(takesBlanks));
  if (drops || !hasBytes || !isByteLevel(tokenizer)) return Infinity;
  return composes ? composedLetters * longest : longest;
}
