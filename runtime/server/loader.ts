/** From a source to a model that answers: fetch, open in worker threads, compare with the manifest, warm up. */
import { sentenceOf, type Log } from '../../process/logger.ts';
import { contractNamed } from './decoding/contract.ts';
import type { LanguageModel } from './decoding/language-model.ts';
import type { DecodingStatistics } from './decoding/statistics.ts';
import type { TextCodec } from './decoding/text-codec.ts';
import type { Demand } from './demand.ts';
import { mayEmbed, type Embedder } from './embeddings/embedder.ts';
import { Executor } from './executor.ts';
import { sessionBytes } from './isolation/peer.ts';
import { brokenPromise, type Manifest } from './manifest.ts';
import type { Claimed } from './memory.ts';
import { parallelismOf, type Means, type Parallelism } from './parallelism.ts';
import type { Signature } from './protocol/request.ts';
import { failed, tooSmall, type Artefact, type FailedFetch, type ModelSource } from './repository.ts';
import { preprocessingFault, sampleShape } from './samples/preprocessing.ts';
import { mostRows, placesOf } from './run-size.ts';
import type { PoolOptions } from './session-pool.ts';
import { sharesScales } from './shared-scales.ts';
import type { Tensor } from './tensor.ts';
import type { WarmUp } from './warm-up.ts';
import type { Loaded } from './worker-protocol.ts';

/** What is known of a loaded model. */
export interface ModelFacts extends Signature, Pick<Manifest, 'labels' | 'baseline' | 'preprocessing' | 'outputsAre'> {
  readonly sha256: string;
  readonly provider: string;
  /** How the model gives embeddings of texts, where it does. */
  readonly embedder?: Embedder;
  /** Most rows of a joined batch; 1 when requests are never joined. */
  readonly maxBatch: number;
  /** Whether rows are known not to touch each other, be they joined or not. */
  readonly rowsApart?: boolean;
  /** Whether requests have rows along axis 0, also where they are never joined. */
  readonly hasRows: boolean;
  /** Whether small batches run on the main thread. */
  readonly onMainThread: boolean;
}

/** What the log tells of them. */
export function summaryOf({ sha256, provider, maxBatch, onMainThread }: ModelFacts): Record<string, unknown> {
  return { sha256, provider, maxBatch, onMainThread };
}

/** The longest dimension of an input that its files tell of; 0 where they tell of none. */
export function declaredLength({ preprocessing, embedder }: ModelFacts): number {
  return Math.max(0, embedder?.contextLength ?? 0, ...(preprocessing === undefined ? [] : sampleShape(preprocessing)));
}

/** How a model is loaded. */
export interface LoadOptions extends Omit<PoolOptions, 'path' | keyof Parallelism>, Means {
  readonly maxBatch: number;
  readonly queueLimit: number;
  /** Why a GPU is not even tried. */
  readonly untriedGpu?: string | undefined;
  /** Most sequences that a language model writes at once. */
  readonly slots: number;
  /** Most tokens of prompts that are read between two steps of the answers of a language model. */
  readonly prefillTokens: number;
  /** Counts what a language model writes. */
  readonly decodingStatistics: DecodingStatistics;
  /** Sets memory of the process aside for the model, in the place of what it had. */
  readonly claim: (demand: Demand) => Promise<Claimed>;
  readonly now: () => number;
  readonly log: Log;
}

/** What answers: sessions that run batches of tensors, or a language model that writes token by token. */
export type Runtime =
  | { readonly kind: 'tensors'; readonly executor: Executor; readonly codec: TextCodec | undefined }
  | { readonly kind: 'language'; readonly language: LanguageModel };

/** Batches that may run at once, or 1 for a language model that is up; 0 while every thread is dead. */
export function sizeOf(runtime: Runtime): number {
  return runtime.kind === 'tensors' ? runtime.executor.size : Number(runtime.language.decoder.alive);
}

/** Batches of tensors that may run, or be about to, where the next one begins with these; `isFinal` when nothing is to join it. */
export function sizeFor(runtime: Runtime, inputs: readonly Tensor[], isFinal: boolean): number {
  return runtime.kind === 'tensors' ? runtime.executor.sizeFor(inputs, isFinal) : 0;
}

/** Ends what answers, after what it runs. */
export async function closeRuntime(runtime: Runtime): Promise<void> {
  const { codec } = runtime.kind === 'tensors' ? runtime : runtime.language;
  const sessions = runtime.kind === 'tensors' ? runtime.executor : runtime.language.decoder;
  await Promise.all([sessions.close(), codec?.close()]);
}

/** What came of loading. */
export type Load = { readonly ok: true; readonly facts: ModelFacts; readonly runtime: Runtime } | FailedFetch;

function factsOf(artefact: Artefact, loaded: Loaded, maxBatch: number, onMainThread: boolean): ModelFacts {
  const { inputs, outputs, labels, baseline, preprocessing, outputsAre } = { ...loaded, ...artefact.manifest };
  const { provider, batchAxis: hasRows } = loaded;
  const extras = {
    ...{ ...(labels && { labels }), ...(baseline && { baseline }) },
    ...{ ...(preprocessing && { preprocessing }), ...(outputsAre && { outputsAre }) },
  };
  return { inputs, outputs, provider, maxBatch, hasRows, onMainThread, sha256: artefact.sha256, ...extras };
}

/** A provider that was tried in vain, or that could not even be tried. */
function tell({ passedOver }: Pick<Loaded, 'passedOver'>, { log, untriedGpu }: LoadOptions): void {
  const error = passedOver ?? untriedGpu;
  if (error !== undefined) log.warn('the model runs on the CPU', { error });
}

async function warmed(executor: Executor, { path }: Artefact, options: LoadOptions): Promise<WarmUp> {
  const { maxBatch, memoryBytes, log } = options;
  const { batchAxis, inputs } = executor.loaded;
  const shared = batchAxis && (await sharesScales(path));
  const found = await executor.warmUp(
    shared ? 1 : Math.min(maxBatch, mostRows(placesOf(memoryBytes, executor.size), inputs, inputs)),
  );
  if (found.skipped !== undefined) log.warn('warm-up skipped: no shape that fits was found', { error: found.skipped });
  return shared ? { ...found, apart: false } : found;
}

/** A language model; its own code is loaded only when there is one. */
async function openLanguage(
  artefact: Artefact,
  graph: Signature | undefined,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<Load> {
  const { openLanguageModel } = await import('./decoding/language-model.ts');
  const { intraOpThreads } = parallelismOf(options, { bytes: artefact.bytes, single: true });
  const told = { statistics: options.decodingStatistics, onDeath: (hung: boolean): void => options.onDeath(0, hung) };
  const opened = await openLanguageModel(artefact, graph, { ...options, intraOpThreads, ...told }, signal);
  if (!opened.ok) return opened;
  const { model: language, loaded } = opened;
  tell(loaded, options);
  const found = { ...loaded.signature, provider: loaded.provider, batchAxis: true };
  const broken = artefact.manifest && brokenPromise(artefact.manifest, found);
  if (broken !== undefined) {
    await language.decoder.close();
    return failed('ManifestInvalid', broken);
  }
  return { ok: true, facts: factsOf(artefact, found, language.slots, false), runtime: { kind: 'language', language } };
}

/** What a model of texts has besides its graph; nothing for every other. */
interface TextParts {
  readonly codec?: TextCodec;
  readonly embedder?: Embedder;
}

/** The tokenizer, and how embeddings are made; a sentence where the manifest promises what is not so. Throws when the tokenizer is not whole. */
async function textPartsOf(artefact: Artefact, loaded: Loaded, signal: AbortSignal): Promise<TextParts | string> {
  const { manifest } = artefact;
  const isText = manifest?.preprocessing?.kind === 'text';
  const signature = { ...loaded, ...manifest };
  // Most models are neither: for them the code of tokenizers is not loaded.
  if (!isText && !mayEmbed(signature, manifest?.embedding)) return {};
  const { openEmbedder } = await import('./embeddings/open.ts');
  const embedder = await openEmbedder(artefact, signature, signal);
  if (typeof embedder === 'string') return embedder;
  const { readCodec } = await import('./decoding/tokenizer-files.ts');
  const codec = await readCodec(artefact, signal);
  if (codec !== undefined) return { codec, ...(embedder && { embedder }) };
  if (isText) throw new TypeError('its preprocessing needs tokenizer.json beside model.onnx');
  // A model without a manifest promises nothing.
  return manifest?.embedding === undefined ? {} : 'embedding needs tokenizer.json beside model.onnx';
}

function promiseFault({ manifest }: Artefact, loaded: Loaded): string | undefined {
  if (manifest === undefined) return undefined;
  const { preprocessing } = manifest;
  return brokenPromise(manifest, loaded) ?? (preprocessing && preprocessingFault(preprocessing, loaded.inputs));
}

async function openTensors(
  executor: Executor,
  artefact: Artefact,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<Load> {
  const { loaded } = executor;
  const parts = promiseFault(artefact, loaded) ?? (await textPartsOf(artefact, loaded, signal));
  if (typeof parts === 'string') {
    await executor.close();
    return failed('ManifestInvalid', parts);
  }
  const { codec, embedder } = parts;
  tell(loaded, options);
  const { maxBatch, apart: rowsApart } = await warmed(executor, artefact, options);
  const known = factsOf(artefact, loaded, maxBatch, executor.onMainThread);
  const facts = { ...known, rowsApart, ...(embedder && { embedder }) };
  return { ok: true, facts, runtime: { kind: 'tensors', executor, codec } };
}

/** Sessions as asked, or up to as many as there are CPUs for. */
function sessionsOf({ bytes }: Artefact, options: LoadOptions): Demand {
  const most = parallelismOf(options, { bytes, single: false }).instances;
  const processBytes = sessionBytes[options.isolation];
  return { fileBytes: bytes, processBytes, least: options.instances ?? 1, most };
}

async function open(artefact: Artefact, options: LoadOptions, signal: AbortSignal): Promise<Load> {
  if (artefact.manifest?.decoder !== undefined) return openLanguage(artefact, undefined, options, signal);
  const claimed = await options.claim(sessionsOf(artefact, options));
  if (!claimed.ok) return tooSmall(claimed);
  const parallelism = parallelismOf({ ...options, instances: claimed.count }, { bytes: artefact.bytes, single: false });
  const { path, bytes } = artefact;
  const executor = await Executor.open({ ...options, ...parallelism, path, bytes });
  const { loaded } = executor;
  try {
    const names = [...loaded.inputs, ...loaded.outputs].map(({ name }) => name);
    if (contractNamed(names) === undefined) return await openTensors(executor, artefact, options, signal);
    // Recognised by its names only now: it is opened anew where its answers are written.
    await executor.close();
    return await openLanguage(artefact, loaded, options, signal);
  } catch (error) {
    await executor.close();
    throw error;
  }
}

/** Loads a model, or says why not. Nothing is left behind by a load that failed. */
export async function loadModel(source: ModelSource, options: LoadOptions, signal: AbortSignal): Promise<Load> {
  try {
    const fetched = await source.fetch(signal);
    return fetched.ok ? await open(fetched.artefact, options, signal) : fetched;
  } catch (error) {
    return { ok: false, failure: { reason: 'LoadFailed', message: sentenceOf(error) } };
  }
}
