/** The files of a tokenizer beside a model, in the Hugging Face layout. */
import type { Artefact } from '../repository.ts';
import { TextCodec } from './text-codec.ts';
import { objectOf, parsedFiles, sharedBytes, type TokenizerBytes } from './tokenizer-bytes.ts';

/** A file of the artefact as a JSON object; undefined when there is none. Throws when it is not JSON. */
export async function jsonCompanion(
  { companion }: Artefact,
  name: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await companion(name, signal);
  return text === undefined ? undefined : objectOf(text, name);
}

/** tokenizer.json and, where there is one, tokenizer_config.json; undefined without the first. */
export async function tokenizerBytes(artefact: Artefact, signal: AbortSignal): Promise<TokenizerBytes | undefined> {
  const tokenizer = await artefact.companion('tokenizer.json', signal);
  if (tokenizer === undefined) return undefined;
  const config = (await artefact.companion('tokenizer_config.json', signal)) ?? '{}';
  return { tokenizer: sharedBytes(tokenizer), config: sharedBytes(config) };
}

/** The tokenizer of an artefact; undefined when it has none. */
export async function readCodec(artefact: Artefact, signal: AbortSignal): Promise<TextCodec | undefined> {
  const bytes = await tokenizerBytes(artefact, signal);
  return bytes && new TextCodec({ ...parsedFiles(bytes), bytes });
}
