/** A language model from its artefact: sizes, memory, tokenizer, chat template, and a decoder that runs. */
import type { Signature } from '../protocol/request.ts';
import { failed, type Artefact, type FailedFetch } from '../repository.ts';
import { chatTemplateOf, type ChatTemplate } from './chat-template.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { geometryFrom } from './foreign-geometry.ts';
import { slotsThatFit, type Geometry, type Slots } from './geometry.ts';
import { TextCodec } from './text-codec.ts';
import type { LoadedDecoder } from './thread.ts';
import { TokenSpelling } from './token-spelling.ts';
import { jsonCompanion, tokenizerFiles } from './tokenizer-files.ts';

/** How language models run. */
export interface LanguageOptions extends Omit<DecoderOptions, 'path' | 'geometry' | 'slots'> {
  /** Most sequences at once; fewer where memory is short. */
  readonly slots: number;
  /** Of the whole process. */
  readonly memoryBytes: number;
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
  return geometryFrom(graph ?? { inputs: [], outputs: [] }, { ...config, ...generation });
}

async function textOf(artefact: Artefact, signal: AbortSignal) {
  const files = await tokenizerFiles(artefact, signal);
  if (files === undefined) return 'a language model needs its tokenizer.json beside model.onnx';
  const template = chatTemplateOf(files.config, await artefact.companion('chat_template.jinja', signal));
  return { codec: new TextCodec(files), template };
}

function slotsOf(geometry: Geometry, { bytes }: Artefact, { memoryBytes, slots }: LanguageOptions): Slots {
  return slotsThatFit(geometry, { limitBytes: memoryBytes, fileBytes: bytes }, slots);
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
  const fitting = slotsOf(geometry, artefact, options);
  if (!fitting.ok) return failed('MemoryTooSmall', fitting.message);
  const text = await textOf(artefact, signal);
  if (typeof text === 'string') return failed('ArtefactMissing', text);
  const { slots, bytes: keyValueBytes } = fitting;
  const decoder = new Decoder({ ...options, path: artefact.path, geometry, slots });
  const loaded = await decoder.open();
  const spelling = new TokenSpelling(text.codec, geometry);
  return { ok: true, model: { geometry, slots, keyValueBytes, decoder, spelling, ...text }, loaded };
}
