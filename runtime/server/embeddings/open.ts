/** The embedder of an artefact, with what the files of its tokenizer say. */
import { jsonCompanion } from '../decoding/tokenizer-files.ts';
import type { Signature } from '../protocol/request.ts';
import type { Artefact } from '../repository.ts';
import { sharesScales } from '../shared-scales.ts';
import { embedderOf, mayEmbed, type Embedder } from './embedder.ts';

/** Where tools of the Hugging Face family say how many tokens a text may have. */
const lengths = [
  ['sentence_bert_config.json', 'max_seq_length'],
  ['tokenizer_config.json', 'model_max_length'],
  ['config.json', 'max_position_embeddings'],
] as const;

/** More is no length, but a way of saying that there is none. */
const mostTokens = 1 << 24;

async function fileLength(artefact: Artefact, signal: AbortSignal): Promise<number | undefined> {
  const found = await Promise.all(
    lengths.map(async ([file, member]) => (await jsonCompanion(artefact, file, signal))?.[member]),
  );
  const told = found.filter((length): length is number => Number.isInteger(length) && Number(length) > 0);
  const least = Math.min(...told);
  return least <= mostTokens ? least : undefined;
}

/** The embedder, a sentence why a model whose manifest says that it is one is none, or undefined for any other model. */
export async function openEmbedder(
  artefact: Artefact,
  signature: Signature,
  signal: AbortSignal,
): Promise<Embedder | string | undefined> {
  const member = artefact.manifest?.embedding;
  // Files are read for what may be one.
  if (!mayEmbed(signature, member)) return undefined;
  const found = embedderOf(signature, member, await fileLength(artefact, signal));
  if (typeof found === 'object') return { ...found, alone: await sharesScales(artefact.path) };
  return member === undefined ? undefined : `embedding: ${found}`;
}
