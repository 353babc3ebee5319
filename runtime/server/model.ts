/**
 * One served model: loads until it succeeds or is stopped, then answers. Its sessions live in workers; here are the
 * state, the queue and the joining and splitting of tensors.
 */
import { setImmediate as others, setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../process/logger.ts';
import { loadDelayMs, retryDelayMs } from './backoff.ts';
import { Batcher, type Caller } from './batcher.ts';
import type { Timers } from './deadlines.ts';
import type { LanguageModel } from './decoding/language-model.ts';
import { DecodingStatistics } from './decoding/statistics.ts';
import type { TextCodec } from './decoding/text-codec.ts';
import { closeRuntime, declaredLength, loadModel, sizeFor, sizeOf, summaryOf } from './loader.ts';
import type { LoadOptions, ModelFacts, Runtime } from './loader.ts';
import type { Arrival, Memory } from './memory.ts';
import { ModelMemory, type SessionMeans } from './model-memory.ts';
import { blamed } from './out-of-memory.ts';
import { wholly } from './patience.ts';
import { invalid, unavailable } from './protocol/errors.ts';
import type { Provider } from './providers.ts';
import { lengthLimits } from './protocol/lengths.ts';
import type { InferenceRequest, InferenceResult } from './protocol/request.ts';
import type { ModelSource, NotReady } from './repository.ts';
import type { RunLimits } from './run-limit.ts';
import { mostRows, runParts, runSize, runsOf, type RunSize } from './run-size.ts';
import { ModelStatistics } from './statistics.ts';
import { Tasks } from './tasks.ts';
import type { Tensor } from './tensor.ts';
import { countedRows, isFinal, joined, parted, termsOf, toldRun, workOf, type Work } from './work.ts';

/** How models run, and what of the outside world they need. */
export interface ModelOptions extends Timers, SessionMeans, RunLimits {
  /** What runs them, the first that can. */
  readonly providers: readonly Provider[];
  /** Why a GPU is not among them that could be. */
  readonly untriedGpu?: string | undefined;
  readonly maxBatch: number;
  readonly queueLimit: number;
  /** Longest open dimension of an input, the first axis excepted; undefined: as the memory has room. */
  readonly maxSequenceLength?: number | undefined;
  /** Most sequences that a language model writes at once. */
  readonly slots: number;
  /** Most tokens of prompts that are read between two steps of the answers of a language model. */
  readonly prefillTokens: number;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type State =
  | { readonly kind: 'notReady'; readonly why: NotReady }
  | { readonly kind: 'ready'; readonly facts: ModelFacts; readonly runtime: Runtime; readonly size: RunSize };

/** Lives from `start` to `stop`. */
export class Model {
  readonly name: string;
  readonly version: string;
  /** Of the source that it was made from. */
  readonly stamp: string;
  /** When it was last asked for, by the engine's clock. */
  usedAt: number;
  /** Of callers, who need it for more than one inference. */
  readonly tasks = new Tasks();
  /** With what a predecessor has done, and still does. */
  readonly statistics: ModelStatistics;
  readonly memory: ModelMemory;
  /** All zeros for what is no language model. */
  readonly decodingStatistics: DecodingStatistics;
  readonly #source: ModelSource;
  readonly #options: ModelOptions;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #batcher: Batcher<Work, readonly Tensor[]>;
  #state: State = { kind: 'notReady', why: { reason: 'Loading', message: 'the model is being loaded' } };
  #loading: Promise<void> = Promise.resolve();
  #end: Promise<void> | undefined;
  #users = 0;

  constructor(source: ModelSource, options: ModelOptions, memory: Memory, predecessor?: Model) {
    this.statistics = predecessor?.statistics ?? new ModelStatistics();
    this.decodingStatistics = new DecodingStatistics(predecessor?.decodingStatistics);
    this.name = source.name;
    this.version = source.version;
    this.stamp = source.stamp;
    this.usedAt = options.now();
    this.#source = source;
    this.#options = options;
    this.memory = new ModelMemory(memory, source, options);
    this.#log = options.log.child({ model: source.name, version: source.version });
    // maxBatch is enforced by `rows`: a model that cannot be joined gives every request the full size.
    this.#batcher = new Batcher({
      maxBatch: options.maxBatch,
      queueLimit: options.queueLimit,
      capacity: (work, terms) =>
        this.#state.kind === 'ready' ? sizeFor(this.#state.runtime, work.inputs, isFinal(work, terms, options)) : 0,
      execute: (batch) => this.#execute(batch),
      now: options.now,
      after: options.after,
    });
  }

  /** Undefined when ready; otherwise why not. */
  get notReady(): NotReady | undefined {
    if (this.#state.kind === 'notReady') return this.#state.why;
    if (sizeOf(this.#state.runtime) > 0) return undefined;
    return { reason: 'WorkersDied', message: 'every worker of this model has died; they are being restarted' };
  }

  /** What is known of the model; undefined until it was loaded. */
  get facts(): ModelFacts | undefined {
    return this.#state.kind === 'ready' ? this.#state.facts : undefined;
  }

  /** The language model that this is; undefined for every other, and until it was loaded. */
  get language(): LanguageModel | undefined {
    const runtime = this.#state.kind === 'ready' ? this.#state.runtime : undefined;
    return runtime?.kind === 'language' ? runtime.language : undefined;
  }

  /** The tokenizer of a model that takes whole texts; undefined for every other, and until it was loaded. */
  get codec(): TextCodec | undefined {
    const runtime = this.#state.kind === 'ready' ? this.#state.runtime : undefined;
    return runtime?.kind === 'tensors' ? runtime.codec : undefined;
  }

  /** Most rows of a run that the server makes itself, where its first input has this shape. */
  mostRows(shape: readonly number[]): number {
    return this.#state.kind === 'ready' ? mostRows(this.#state.size.places, this.#state.facts.inputs, [{ shape }]) : 1;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#batcher.waiting + this.decodingStatistics.waiting;
  }

  /** What its weights take in every session, those sessions that are processes, and keys and values where it has them. */
  get bytes(): number {
    return this.memory.bytes;
  }

  /** Whether it ends once it has answered all that it was given. */
  get retiring(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Whether nobody uses it: no request is being read for it, waits, or runs. */
  get idle(): boolean {
    const { waiting, running } = this.#batcher;
    return this.#users === 0 && waiting === 0 && running === 0 && (this.language?.decoder.pending ?? 0) === 0;
  }

  /** Is not idle until what is returned is called. */
  use(): () => void {
    this.#users += 1;
    return () => void (this.#users -= 1);
  }

  /** Starts loading, again and again until it succeeds. */
  start(arrival: Arrival): void {
    this.#loading = this.#loadUntilReady(arrival);
  }

  /** Loads once; undefined when the model is ready, otherwise why it is not. */
  async tryStart(arrival: Arrival): Promise<NotReady | undefined> {
    const load = this.#load(arrival);
    this.#loading = load.then(() => undefined);
    return load;
  }

  /** Refuses what waits, lets workers finish what they run, and releases them. Once, however often it is asked for. */
  stop(): Promise<void> {
    this.#end ??= this.#stop();
    return this.#end;
  }

  /** Answers everything that it was given, then stops: for a model that has been replaced or unloaded. */
  async retire(): Promise<void> {
    this.#stopping.abort();
    await this.#loading;
    await this.tasks.atRest();
    // Whoever has found it ready just now gives it work before others have their turn.
    await others();
    await this.#batcher.atRest();
    await this.language?.decoder.atRest();
    await this.stop();
  }

  /** Answers a request that was decoded against this model's facts. */
  async infer(request: InferenceRequest, caller?: Caller): Promise<InferenceResult> {
    const why = this.notReady;
    if (why !== undefined || this.#state.kind !== 'ready')
      throw unavailable(`the model is not ready: ${why?.message ?? ''}`);
    if (this.language !== undefined)
      throw invalid(`'${this.name}' is a language model, which is asked by /v1/completions or /v1/chat/completions`);
    const [{ facts, size }, start] = [this.#state, this.#options.now()];
    try {
      const { most, parts } = runsOf(size, facts.inputs, request);
      const { maxBatch, now } = this.#options;
      const [terms, bounds] = [termsOf(request, caller, start), { joins: facts.maxBatch > 1, maxBatch, most }];
      const run = (part: InferenceRequest): Promise<readonly Tensor[]> =>
        this.#batcher.submit(workOf(part, bounds, { queuedAt: now(), trace: caller?.trace }), caller, terms);
      const outputs = await (parts === undefined
        ? run(request)
        : this.tasks.during(() => wholly(() => runParts(parts, most, run))));
      this.statistics.answered(this.#options.now() - start);
      return { outputs };
    } catch (error) {
      this.statistics.refused(error, this.#options.now() - start);
      throw blamed(error, this.#options.memoryBytes);
    }
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loading;
    this.#batcher.rejectWaiting(unavailable('the server is stopping'));
    try {
      if (this.#state.kind === 'ready') await closeRuntime(this.#state.runtime);
    } finally {
      this.memory.leave();
    }
  }

  #execute(batch: readonly Work[]): Promise<readonly (readonly Tensor[])[]> {
    if (!batch.some(({ trace }) => trace !== undefined)) return this.#run(batch);
    const { name: model, version } = this;
    return toldRun(batch, { model, version, now: this.#options.now }, (tell) => this.#run(batch, tell));
  }

  /** Runs a batch; tells when that began, afterwards. */
  async #run(batch: readonly Work[], tell?: (startedAt: number) => void): Promise<readonly (readonly Tensor[])[]> {
    const [first] = batch;
    if (first === undefined || this.#state.kind !== 'ready' || this.#state.runtime.kind !== 'tensors')
      throw unavailable('the model is not loaded');
    const askedAt = this.#options.now();
    const { outputs, computeMs, waitedMs } = await this.#state.runtime.executor.run(joined(batch), first.outputs);
    const startedAt = askedAt + waitedMs;
    tell?.(startedAt);
    for (const { queuedAt } of batch) this.statistics.queueMs += startedAt - queuedAt;
    this.statistics.executed(countedRows(batch, this.facts), computeMs);
    return parted(batch, outputs);
  }

  async #loadUntilReady(arrival: Arrival): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const failure = await this.#load(arrival);
      // Read again, since the answer may have changed while we waited.
      if (failure === undefined || this.#stopping.signal.aborted) return;
      const { reason, message } = failure;
      const afterMs = loadDelayMs(reason, attempt, this.#options.random());
      this.#log.warn('model not loaded', { reason, error: message, attempt, retryInMs: afterMs });
      await sleep(afterMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One attempt; the state says what came of it. */
  async #load(arrival: Arrival): Promise<NotReady | undefined> {
    const [start, { signal }] = [this.#options.now(), this.#stopping];
    const options = this.#loadOptions(this.memory.enter(this, arrival, signal));
    const load = await loadModel(this.#source, options, signal);
    if (!load.ok) {
      this.memory.leave();
      this.#state = { kind: 'notReady', why: load.failure };
      return load.failure;
    }
    this.memory.loaded();
    this.statistics.loadMs = this.#options.now() - start;
    const { facts, runtime } = load;
    const known = { lengths: lengthLimits(this.#options, declaredLength(facts)), apart: facts.rowsApart === true };
    const size = runSize(this.#options.memoryBytes, sizeOf(runtime), known);
    this.#state = { kind: 'ready', facts, runtime, size };
    this.#log.info('model ready', { loadMs: Math.round(this.statistics.loadMs), ...summaryOf(load.facts) });
    return undefined;
  }

  #loadOptions(claim: LoadOptions['claim']): LoadOptions {
    return {
      ...this.#options,
      claim,
      log: this.#log,
      decodingStatistics: this.decodingStatistics,
      onDeath: (live, hung) => this.#onDeath(live, hung),
      onRevival: () => this.#batcher.wake(),
      restartDelayMs: (attempt) => retryDelayMs(attempt, this.#options.random()),
    };
  }

  #onDeath(live: number, hung: boolean): void {
    this.statistics.died(hung);
    this.#log.error(hung ? 'worker hangs, and is given up' : 'worker died', { live });
    if (hung && this.#options.isolation === 'thread') this.#options.onStuckThread?.();
    if (live === 0) this.#batcher.rejectWaiting(unavailable('every worker of this model has died'));
  }
}
