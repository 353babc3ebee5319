/** The files of a tokenizer beside a model, in the Hugging Face layout. */
import { isRecord } from '../protocol/json.ts';
import type { Artefact } from '../repository.ts';
import { TextCodec, type TokenizerFiles } from './text-codec.ts';

/** A file of the artefact as a JSON object; undefined when there is none. Throws when it is not JSON. */
export async function jsonCompanion(
  { companion }: Artefact,
  name: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await companion(name, signal);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Said below in our own words.
  }
  throw new TypeError(`${name} is not a JSON object`);
}

/** tokenizer.json and, where there is one, tokenizer_config.json; undefined without the first. */
export async function tokenizerFiles(artefact: Artefact, signal: AbortSignal): Promise<TokenizerFiles | undefined> {
  const tokenizer = await jsonCompanion(artefact, 'tokenizer.json', signal);
  if (tokenizer === undefined) return undefined;
  return { tokenizer, config: (await jsonCompanion(artefact, 'tokenizer_config.json', signal)) ?? {} };
}

/** The tokenizer of an artefact; undefined when it has none. */
export async function readCodec(artefact: Artefact, signal: AbortSignal): Promise<TextCodec | undefined> {
  const files = await tokenizerFiles(artefact, signal);
  return files && new TextCodec(files);
}
