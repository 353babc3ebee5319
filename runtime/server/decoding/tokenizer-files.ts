/** The files of a tokenizer beside a model, in the Hugging Face layout. */
import type { Artefact } from '../repository.ts';
import { TextCodec, type TokenizerFiles } from './text-codec.ts';
import { objectOf, parsedFiles, sharedBytes } from './tokenizer-bytes.ts';

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
export async function tokenizerFiles(artefact: Artefact, signal: AbortSignal): Promise<TokenizerFiles | undefined> {
  const tokenizer = await artefact.companion('tokenizer.json', signal);
  if (tokenizer === undefined) return undefined;
  const config = (await artefact.companion('tokenizer_config.json', signal)) ?? '{}';
  const bytes = { tokenizer: sharedBytes(tokenizer), config: sharedBytes(config) };
  return { ...parsedFiles(bytes), bytes };
}

/** The tokenizer of an artefact; undefined when it has none. */
export async function readCodec(artefact: Artefact, signal: AbortSignal): Promise<TextCodec | undefined> {
  const files = await tokenizerFiles(artefact, signal);
  return files && new TextCodec(files);
}
