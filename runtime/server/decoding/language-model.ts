/** A language model from its artefact: sizes, memory, tokenizer, chat template, and a decoder that runs. */
import type { Demand } from '../demand.ts';
import { sessionBytes } from '../isolation/peer.ts';
import type { Claimed } from '../memory.ts';
import type { Signature } from '../protocol/request.ts';
import { failed, tooSmall, type Artefact, type FailedFetch } from '../repository.ts';
import { chatTemplateOf, type ChatTemplate } from './chat-template.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { geometryFrom } from './foreign-geometry.ts';
import { encodingThreads } from './encoding-thread.ts';
import { logitsBytes, slotBytes, slotDemandBytes, type Geometry, type RunSizes } from './geometry.ts';
import { TextCodec } from './text-codec.ts';
import type { LoadedDecoder } from './thread.ts';
import { TokenSpelling } from './token-spelling.ts';
import { parsedFiles, type TokenizerBytes } from './tokenizer-bytes.ts';
import { jsonCompanion, tokenizerBytes } from './tokenizer-files.ts';

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
  /** What keys and values of all slots take at their full length, without copies. */
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

async function textOf(artefact: Artefact, bytes: TokenizerBytes, signal: AbortSignal) {
  const files = parsedFiles(bytes);
  const template = chatTemplateOf(files.config, await artefact.companion('chat_template.jinja', signal));
  return { codec: new TextCodec({ ...files, bytes }), template };
}

/** What a tokenizer takes in a thread by the bytes of its file: measured from 4 to 17, with 150,000 tokens. */
const tokenizerFactor = 10;

/** In the main thread, and in those that encode long texts. */
const tokenizerThreads = 1 + encodingThreads;

/** A language model's sizes, and the bytes of its tokenizer's file. */
type Sizes = readonly [geometry: Geometry, tokenizerBytes: number];

/** What it takes beside weights, keys and values. */
export function besideBytes([geometry, tokenizerBytes]: Sizes, run: RunSizes): number {
  return tokenizerThreads * tokenizerFactor * tokenizerBytes + logitsBytes(geometry, run);
}

function demandOf(sizes: Sizes, { bytes }: Artefact, options: LanguageOptions): Demand {
  const [geometry] = sizes;
  const slot = { bytes: slotDemandBytes(geometry), tokens: geometry.contextLength };
  const common = { fileBytes: bytes, processBytes: sessionBytes[options.isolation] };
  return { ...common, besideBytes: besideBytes(sizes, options), slot, least: 1, most: options.slots };
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
  const files = await tokenizerBytes(artefact, signal);
  if (files === undefined)
    return failed('ArtefactMissing', 'a language model needs its tokenizer.json beside model.onnx');
  const claimed = await options.claim(demandOf([geometry, files.tokenizer.length], artefact, options));
  if (!claimed.ok) return tooSmall(claimed);
  const text = await textOf(artefact, files, signal);
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
