/** A language model from its artefact: sizes, memory, tokenizer, chat template, and a decoder that runs. */
import type { Demand } from '../demand.ts';
import { sessionBytes } from '../isolation/peer.ts';
import type { Claimed } from '../memory.ts';
import type { Signature } from '../protocol/request.ts';
import { failed, tooSmall, type Artefact, type FailedFetch } from '../repository.ts';
import { chatTemplateOf, type ChatTemplate } from './chat-template.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { geometryFrom } from './foreign-geometry.ts';
import { slotBytes, type Geometry } from './geometry.ts';
import { TextCodec } from './text-codec.ts';
import type { LoadedDecoder } from './thread.ts';
import { TokenSpelling } from './token-spelling.ts';
import { jsonCompanion, tokenizerFiles } from './tokenizer-files.ts';

/** How language models run. */
export interface LanguageOptions extends Omit<DecoderOptions, 'path' | 'geometry' | 'slots'> {
  /** Most sequences at once; fewer where memory is short. */
  readonly slots: number;
  /** Sets memory of the process aside. */
  readonly claim: (demand: Demand) => Promise<Claimed>;
}

/** A language model that answers. */
export interface LanguageModel {
  readonly geometry: Geometry;
  readonly slots: number;
  /** Memory that is set aside for keys and values. */
  readonly keyValueBytes: number;
  readonly codec: TextCodec;
  readonly spelling: TokenSpelling;
  readonly template: ChatTemplate | undefined;
  readonly decoder: Decoder;
}

/** A language model and what was found when it was loaded, or why there is none. */
export type OpenedLanguageModel =
  { readonly ok: true; readonly model: LanguageModel; readonly loaded: LoadedDecoder } | FailedFetch;

/** The sizes that the manifest tells, or those that the graph and the exporter's config.json tell together. */
async function geometryOf(artefact: Artefact, graph: Signature | undefined, signal: AbortSignal) {
  if (artefact.manifest?.decoder !== undefined) return artefact.manifest.decoder;
  const config = (await jsonCompanion(artefact, 'config.json', signal)) ?? {};
  const generation = (await jsonCompanion(artefact, 'generation_config.json', signal)) ?? {};
  // Some leave open there what the other file says.
  const told = Object.fromEntries(Object.entries(generation).filter(([, value]) => value !== null));
  return geometryFrom(graph ?? { inputs: [], outputs: [] }, { ...config, ...told });
}

async function textOf(artefact: Artefact, signal: AbortSignal) {
  const files = await tokenizerFiles(artefact, signal);
  if (files === undefined) return 'a language model needs its tokenizer.json beside model.onnx';
  const template = chatTemplateOf(files.config, await artefact.companion('chat_template.jinja', signal));
  return { codec: new TextCodec(files), template };
}

function demandOf(geometry: Geometry, { bytes }: Artefact, { slots, isolation }: LanguageOptions): Demand {
  const slot = { bytes: slotBytes(geometry), tokens: geometry.contextLength };
  return { fileBytes: bytes, processBytes: sessionBytes[isolation], slot, least: 1, most: slots };
}

/** Opens a language model, or says why not. `graph` is known where the model had to be opened to be recognised. */
export async function openLanguageModel(
  artefact: Artefact,
  graph: Signature | undefined,
  options: LanguageOptions,
  signal: AbortSignal,
): Promise<OpenedLanguageModel> {
  const geometry = await geometryOf(artefact, graph, signal);
  if (typeof geometry === 'string') return failed('ManifestInvalid', geometry);
  const claimed = await options.claim(demandOf(geometry, artefact, options));
  if (!claimed.ok) return tooSmall(claimed);
  const text = await textOf(artefact, signal);
  if (typeof text === 'string') return failed('ArtefactMissing', text);
  const slots = claimed.count;
  const decoder = new Decoder({ ...options, path: artefact.path, geometry, slots });
  const loaded = await decoder.open();
  const spelling = new TokenSpelling(text.codec, geometry);
  return {
    ok: true,
    model: { geometry, slots, keyValueBytes: slots * slotBytes(geometry), decoder, spelling, ...text },
    loaded,
  };
}
