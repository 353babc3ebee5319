/** From a source to a model that answers: fetch, open in worker threads, compare with the manifest, warm up. */
import { sentenceOf, type Log } from '../../process/logger.ts';
import { Executor } from './executor.ts';
import { openOnMainThread } from './main-thread.ts';
import { brokenPromise } from './manifest.ts';
import type { Signature } from './protocol/request.ts';
import type { Artefact, ModelSource, NotReady } from './repository.ts';
import { SessionPool, type PoolOptions } from './session-pool.ts';
import { warmUp, type WarmUp } from './warm-up.ts';
import type { Loaded } from './worker-protocol.ts';

/** What is known of a loaded model. */
export interface ModelFacts extends Signature {
  readonly labels?: readonly string[];
  readonly sha256: string;
  readonly provider: string;
  /** Most rows of a joined batch; 1 when requests are never joined. */
  readonly maxBatch: number;
  /** Whether small batches run on the main thread. */
  readonly onMainThread: boolean;
}

/** How a model is loaded. */
export interface LoadOptions extends Omit<PoolOptions, 'path'> {
  readonly maxBatch: number;
  readonly log: Log;
}

/** What came of loading. */
export type Load =
  | { readonly ok: true; readonly facts: ModelFacts; readonly executor: Executor }
  | { readonly ok: false; readonly failure: NotReady };

function factsOf(artefact: Artefact, loaded: Loaded, maxBatch: number, onMainThread: boolean): ModelFacts {
  const { inputs, outputs, labels } = { ...loaded, ...artefact.manifest };
  const { provider } = loaded;
  return { inputs, outputs, provider, maxBatch, onMainThread, sha256: artefact.sha256, ...(labels && { labels }) };
}

async function warmed(pool: SessionPool, loaded: Loaded, { maxBatch, log }: LoadOptions): Promise<WarmUp> {
  const found = await pool.withAll((workers) => warmUp(workers, loaded, maxBatch));
  if (found.skipped !== undefined) log.warn('warm-up skipped: no shape that fits was found', { error: found.skipped });
  return found;
}

async function open(artefact: Artefact, options: LoadOptions): Promise<Load> {
  const poolOptions = { ...options, path: artefact.path };
  const pool = new SessionPool(poolOptions);
  const loaded = await pool.start();
  try {
    const broken = artefact.manifest === undefined ? undefined : brokenPromise(artefact.manifest, loaded);
    if (broken !== undefined) {
      await pool.close();
      return { ok: false, failure: { reason: 'ManifestInvalid', message: broken } };
    }
    const { maxBatch, largest } = await warmed(pool, loaded, options);
    const mainThread = await openOnMainThread(poolOptions, largest);
    const facts = factsOf(artefact, loaded, maxBatch, mainThread !== undefined);
    return { ok: true, facts, executor: new Executor(pool, mainThread) };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

/** Loads a model, or says why not. Nothing is left behind by a load that failed. */
export async function loadModel(source: ModelSource, options: LoadOptions, signal: AbortSignal): Promise<Load> {
  try {
    const fetched = await source.fetch(signal);
    return fetched.ok ? await open(fetched.artefact, options) : fetched;
  } catch (error) {
    return { ok: false, failure: { reason: 'LoadFailed', message: sentenceOf(error) } };
  }
}
