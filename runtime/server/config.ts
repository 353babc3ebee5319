/** The environment of the server process as one value; every mistake is reported at once. */
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { logLevels, type LogLevel } from '../../process/logger.ts';
import type { ModelControl } from './engine.ts';
import { Reader, type Environment } from './environment.ts';
import { isolationChoices, type Isolation } from './isolation/peer.ts';
import type { Means } from './parallelism.ts';
import {
  hostCuda,
  keepFullPrecision,
  providerChoices,
  providersFor,
  untried,
  type Cuda,
  type Provider,
} from './providers.ts';
import { tracingOf, type TracingConfig } from './tracing/config.ts';

/** Models of a folder, or one model of a store under a name. */
export type ModelsConfig =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'store'; readonly name: string; readonly uri: string; readonly sha256?: string };

/** How the server runs. */
export interface ServerConfig extends Means {
  readonly port: number;
  /** Of the gRPC listener; undefined when there is none. */
  readonly grpcPort?: number;
  readonly modelControl: ModelControl;
  /** Between two looks at the folder where that decides what is loaded. */
  readonly pollSeconds: number;
  readonly models: ModelsConfig;
  readonly cacheDir: string;
  /** What runs models, to try in this order. */
  readonly providers: readonly Provider[];
  /** Why a GPU is not among them that could be. */
  readonly untriedGpu?: string;
  /** Where sessions live: in threads of this process, or in a process each, which may abort alone. */
  readonly isolation: Isolation;
  /** Most rows of a joined batch; 1 turns batching off. */
  readonly maxBatch: number;
  /** Most requests that may wait per model. */
  readonly queueLimit: number;
  /** Most sequences that a language model writes at once; fewer where memory is short. */
  readonly slots: number;
  /** Most tokens of prompts that are read between two steps of a language model's answers. */
  readonly prefillTokens: number;
  /** Most tokens of an answer that a language model writes; Infinity where only its context bounds it. */
  readonly maxOutputTokens: number;
  /** Longest open dimension of an input, the first axis excepted, where somebody says. */
  readonly maxSequenceLength: number | undefined;
  /** What all models together may take; undefined is whatever they need. */
  readonly modelsBytes?: number;
  /** How long a run may take, in milliseconds, where somebody says. */
  readonly runLimitMs?: number;
  /** Most bytes of a request's body, also after decompression. */
  readonly maxBodyBytes: number;
  /** Of all bodies that are in memory at once; at least the largest one. */
  readonly maxBodiesBytes: number;
  /** From SIGTERM to the end of the process at the latest. */
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
  /** How many of all requests are written to the log, from 0 to 1. */
  readonly accessLogSample: number;
  /** Undefined where nobody collects traces. */
  readonly tracing?: TracingConfig;
}

/** What the machine, or the container, has. */
export interface Machine extends Pick<Means, 'cpus' | 'memoryBytes'> {
  /** Most that JavaScript's values may take in this process. */
  readonly heapBytes: number;
  readonly cuda: Cuda;
}

/** A configuration, or every mistake in it. */
export type ParsedConfig =
  { readonly ok: true; readonly config: ServerConfig } | { readonly ok: false; readonly mistakes: readonly string[] };

/** As the engine has it. */
const modelControls: readonly ModelControl[] = ['none', 'explicit', 'poll'];

function storeOf(reader: Reader, uri: string): ModelsConfig {
  const name = reader.text('LIMBECK_MODEL_NAME');
  const sha256 = reader.text('LIMBECK_MODEL_SHA256');
  if (name === undefined) reader.mistakes.push('LIMBECK_MODEL_URI needs LIMBECK_MODEL_NAME');
  if (!/^s3:\/\/[^/]+\/.+/.test(uri)) reader.mistakes.push(`LIMBECK_MODEL_URI='${uri}' is not s3://<bucket>/<folder>`);
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    reader.mistakes.push(`LIMBECK_MODEL_SHA256='${sha256}' is not 64 lower-case hexadecimal digits`);
  }
  return { kind: 'store', name: name ?? '', uri, ...(sha256 !== undefined && { sha256 }) };
}

function modelsOf(reader: Reader): ModelsConfig {
  const [folder, uri] = [reader.text('LIMBECK_MODELS_DIR'), reader.text('LIMBECK_MODEL_URI')];
  if ((folder === undefined) === (uri === undefined)) {
    reader.mistakes.push('set one of LIMBECK_MODELS_DIR (a folder of model folders) and LIMBECK_MODEL_URI (s3://...)');
  }
  return uri === undefined ? { kind: 'folder', path: folder ?? '' } : storeOf(reader, uri);
}

/**
 * A folder is somebody's own: models come and go as asked. A store's one model was pinned by whoever deployed it, and a
 * caller must not be able to take it away.
 */
function controlOf(reader: Reader, { kind }: ModelsConfig): ModelControl {
  const control = reader.word('LIMBECK_MODEL_CONTROL', modelControls, kind === 'folder' ? 'explicit' : 'none');
  if (kind === 'store' && control === 'poll') {
    reader.mistakes.push("LIMBECK_MODEL_CONTROL='poll' needs LIMBECK_MODELS_DIR: a store is not looked at again");
  }
  return control;
}

/** Models that nobody may load anew must not make room for others. */
function modelsBytesOf(reader: Reader, control: ModelControl): number | undefined {
  if (reader.text('LIMBECK_MODELS_BYTES') === undefined) return undefined;
  if (control !== 'explicit') reader.mistakes.push("LIMBECK_MODELS_BYTES needs LIMBECK_MODEL_CONTROL='explicit'");
  return reader.integer('LIMBECK_MODELS_BYTES', { fallback: 0, min: 1, max: 2 ** 50 });
}

/**
 * A folder may have several models, now or later, so that each gets a process before there is another one to take along. A
 * store's one model has the server for itself, and threads are faster.
 */
function isolationOf(reader: Reader, { kind }: ModelsConfig): Isolation {
  const choice = reader.word('LIMBECK_ISOLATION', isolationChoices, 'auto');
  if (choice !== 'auto') return choice;
  return kind === 'folder' ? 'process' : 'thread';
}

/** Seconds are what people think in; more than a day is no limit. */
function runLimitOf(reader: Reader): Pick<ServerConfig, 'runLimitMs'> {
  const seconds = reader.optionalInteger('LIMBECK_RUN_SECONDS', { min: 1, max: 86_400 });
  return seconds === undefined ? {} : { runLimitMs: seconds * 1000 };
}

function providersOf(reader: Reader, { cuda }: Machine): Pick<ServerConfig, 'providers' | 'untriedGpu'> {
  const choice = reader.word('LIMBECK_PROVIDER', providerChoices, 'auto');
  const untriedGpu = untried(choice, cuda);
  return { providers: providersFor(choice, cuda), ...(untriedGpu !== undefined && { untriedGpu }) };
}

function meansOf(reader: Reader, { cpus, memoryBytes }: Machine, [provider]: readonly Provider[]): Means {
  const millicores = reader.integer('LIMBECK_CPU_MILLICORES', { fallback: cpus * 1000, min: 1, max: 2 ** 30 });
  return {
    cpus: Math.max(1, Math.floor(millicores / 1000)),
    memoryBytes: reader.integer('LIMBECK_MEMORY_BYTES', { fallback: memoryBytes, min: 1, max: 2 ** 50 }),
    // A GPU is one device, however many CPUs are beside it.
    instances:
      reader.optionalInteger('LIMBECK_INSTANCES', { min: 1, max: 64 }) ?? (provider === 'cuda' ? 1 : undefined),
    intraOpThreads: reader.optionalInteger('LIMBECK_INTRA_OP_THREADS', { min: 1, max: 256 }),
  };
}

const mebibyte = 1 << 20;

/** The largest body where nobody says: a part of the memory, of which it takes some times its size, and enough for most. */
function usualBodyBytes(memoryBytes: number): number {
  return Math.min(64, Math.max(1, Math.floor(memoryBytes / 16 / mebibyte))) * mebibyte;
}

/**
 * Of all bodies where nobody says. JSON becomes values in the heap, which take three times as much while they are parsed, and what
 * the heap has no room for ends the process.
 */
function usualBodiesBytes(memoryBytes: number, heapBytes: number): number {
  return Math.max(1, Math.floor(Math.min(memoryBytes / 8, heapBytes / 4) / mebibyte)) * mebibyte;
}

function bodiesOf(
  reader: Reader,
  { heapBytes }: Machine,
  { memoryBytes }: Means,
): Pick<ServerConfig, 'maxBodyBytes' | 'maxBodiesBytes'> {
  const bounds = { fallback: usualBodyBytes(memoryBytes), min: 1024, max: 2 ** 30 };
  const maxBodyBytes = reader.integer('LIMBECK_MAX_BODY_BYTES', bounds);
  const fallback = Math.max(maxBodyBytes, usualBodiesBytes(memoryBytes, heapBytes));
  return {
    maxBodyBytes,
    maxBodiesBytes: reader.integer('LIMBECK_MAX_BODIES_BYTES', { fallback, min: maxBodyBytes, max: 2 ** 40 }),
  };
}

/** Reads a configuration from an environment. */
export function parseConfig(environment: Environment, machine: Machine): ParsedConfig {
  const reader = new Reader(environment);
  const port = reader.integer('LIMBECK_PORT', { fallback: 8080, min: 0, max: 65_535 });
  const grpcPort = reader.optionalInteger('LIMBECK_GRPC_PORT', { min: 0, max: 65_535 });
  const models = modelsOf(reader);
  const modelControl = controlOf(reader, models);
  const modelsBytes = modelsBytesOf(reader, modelControl);
  const tracing = tracingOf(reader);
  const trial = providersOf(reader, machine);
  const means = meansOf(reader, machine, trial.providers);
  const config: ServerConfig = {
    port,
    ...(grpcPort !== undefined && { grpcPort }),
    models,
    modelControl,
    ...(modelsBytes !== undefined && { modelsBytes }),
    pollSeconds: reader.integer('LIMBECK_POLL_SECONDS', { fallback: 5, min: 1, max: 86_400 }),
    cacheDir: reader.text('LIMBECK_CACHE_DIR') ?? join(tmpdir(), 'models'),
    ...means,
    ...trial,
    isolation: isolationOf(reader, models),
    maxBatch: reader.integer('LIMBECK_MAX_BATCH', { fallback: 32, min: 1, max: 65_536 }),
    queueLimit: reader.integer('LIMBECK_QUEUE_LIMIT', { fallback: 1000, min: 1, max: 1_000_000 }),
    slots: reader.integer('LIMBECK_SLOTS', { fallback: 16, min: 1, max: 1024 }),
    prefillTokens: reader.integer('LIMBECK_PREFILL_TOKENS', { fallback: 256, min: 1, max: 65_536 }),
    maxOutputTokens: reader.integer('LIMBECK_MAX_OUTPUT_TOKENS', { fallback: Infinity, min: 1, max: 2 ** 31 }),
    maxSequenceLength: reader.optionalInteger('LIMBECK_MAX_SEQUENCE_LENGTH', { min: 1, max: 2 ** 31 }),
    ...runLimitOf(reader),
    ...bodiesOf(reader, machine, means),
    drainSeconds: reader.integer('LIMBECK_DRAIN_SECONDS', { fallback: 20, min: 1, max: 3600 }),
    logLevel: reader.word('LIMBECK_LOG_LEVEL', logLevels, 'info'),
    accessLogSample: reader.fraction('LIMBECK_ACCESS_LOG_SAMPLE', 0.01),
    ...(tracing && { tracing }),
  };
  return reader.mistakes.length === 0 ? { ok: true, config } : { ok: false, mistakes: reader.mistakes };
}

/**
 * The configuration of this process. Also keeps ONNX Runtime from reporting its use to its vendor, and a GPU from rounding what
 * it multiplies, unless they are told to: their libraries read it from the environment themselves.
 */
export function readConfig(): ParsedConfig {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  keepFullPrecision(process.env);
  const heapBytes = getHeapStatistics().heap_size_limit;
  const machine = { memoryBytes: memoryLimit(), heapBytes, cpus: availableParallelism(), cuda: hostCuda() };
  return parseConfig(process.env, machine);
}

/** The container's limit where there is one, otherwise the machine's memory. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
