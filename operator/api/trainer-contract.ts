/**
 * What operator and trainer say to each other, as types; the shapes are crds/contracts/*.schema.json, against which both
 * sides are tested.
 */
import type { Checkpoint } from './checkpoint.ts';
import type { SourceConfig, StoredConfig } from './source-config.ts';

export type ModelConfig =
  | { readonly kind: 'linear' }
  | { readonly kind: 'mlp'; readonly hidden: readonly number[] }
  | { readonly kind: 'cnn'; readonly channels: readonly number[]; readonly hidden: number }
  | ({ readonly kind: 'transformer' } & TransformerConfig)
  | ({ readonly kind: 'pretrained'; readonly source: StoredConfig } & PretrainedConfig)
  | { readonly kind: 'custom'; readonly image: string; readonly command: readonly string[] };

/** A decoder for causalLM, an encoder for classification; without a tokenizer every byte is a token. */
export interface TransformerConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly contextLength: number;
  readonly tokenizer?: { readonly uri: string };
  readonly weights?: ServedWeights;
}

export type PretrainedConfig = Pick<TransformerConfig, 'contextLength' | 'weights'>;

/** The numbers in which a decoder's large matrices are served; absent: the trainer chooses by what it measures. */
export type ServedWeights = 'float32' | 'int8';

/** Where the samples come from, how their bytes are read, how they are divided. */
export interface DataConfig {
  readonly source: SourceConfig;
  readonly format?: string;
  readonly columns?: object;
  readonly labels?: readonly string[];
  readonly image?: { readonly height: number; readonly width: number; readonly channels: number };
  readonly stream?: { readonly window: number };
  readonly split: { readonly validation: number; readonly test: number; readonly seed: number };
  readonly labelled?: number;
}

/** trainer-config: one file, the same for every rank. */
export interface TrainerConfig {
  readonly contractVersion: 'v1';
  readonly run: { readonly namespace: string; readonly name: string; readonly uid: string; readonly attempt: number };
  readonly store: { readonly runUri: string; readonly modelsUri: string };
  readonly task: 'classification' | 'regression' | 'causalLM';
  readonly model: ModelConfig;
  readonly data: DataConfig;
  readonly optimization: object;
  readonly distribution?: { readonly strategy: 'auto' | 'ddp' | 'fsdp' };
  readonly checkpoint: { readonly everySeconds: number; readonly keep: number };
  readonly distillation?: {
    readonly teacher: { readonly uri: string; readonly sha256: string };
    readonly method: { readonly kind: 'response'; readonly temperature: number; readonly alpha: number };
    readonly control: boolean;
  };
  readonly evaluation?: { readonly classMetrics: readonly ClassMetricConfig[] };
  readonly progressPort: number;
}

/** precision, recall or f1 of the named class; without one, of whichever class has least. */
export interface ClassMetricConfig {
  readonly metric: string;
  readonly class?: string;
}

/** What may be measured on the held-out split; which of it is, depends on the task. */
export const metricNames = [
  ...(['accuracy', 'macroPrecision', 'macroRecall', 'macroF1', 'rocAuc', 'logLoss', 'calibrationError'] as const),
  ...(['mae', 'rmse', 'r2', 'perplexity'] as const),
];

export type MetricName = (typeof metricNames)[number];

/** A value and its 95 % interval. */
export interface Measure {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** n: samples of the held-out split. */
export type Metrics = { readonly n: number } & { readonly [name in MetricName]?: Measure };

/** The answer to a ClassMetricConfig: whose figure it is, and how many samples that class has. */
export interface ClassMetric extends Measure {
  readonly class: string;
  readonly n: number;
}

export interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface Artefact {
  readonly uri: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** URI of a page for people. */
  readonly report?: string;
}

export interface Lineage {
  readonly dataSha256: string;
  /** Of what decides the course of the training. */
  readonly configSha256?: string;
  readonly splitSeed: number;
  readonly seed: number;
  readonly worldSize: number;
  readonly torch: string;
  readonly teacherSha256?: string;
  readonly pretrainedSha256?: string;
  /** Of the tokenizer that a transformer was given. */
  readonly tokenizerSha256?: string;
}

/** How the model was spread over how many processes, why, and what that gained: 1 is perfect. */
export interface Distribution {
  readonly strategy: (typeof strategies)[number];
  readonly reason: string;
  readonly processes: number;
  /** What rank 0 computes on. */
  readonly device?: (typeof devices)[number];
  readonly scalingEfficiency?: number;
}

export const strategies = ['alone', 'ddp', 'fsdp'] as const;
export const devices = ['cpu', 'cuda'] as const;

export interface TrainerSuccess {
  readonly outcome: 'succeeded';
  readonly artefact: Artefact;
  readonly metrics: Metrics;
  /** One for each that the config asks for, in its order. */
  readonly classMetrics?: readonly ClassMetric[];
  readonly control?: Metrics;
  readonly teacher?: Metrics;
  readonly teacherAgreement?: number;
  readonly teacherSizeBytes?: number;
  readonly lineage: Lineage;
  readonly resumedFromStep?: number;
  readonly distribution?: Distribution;
  readonly skippedCheckpoint?: string;
  readonly steps: number;
  readonly seconds: number;
}

/** Why a trainer gave up, in its own words. */
export const failureReasons = [
  'ConfigInvalid',
  'OutOfMemory',
  'DataMissing',
  'DataInvalid',
  'TeacherMissing',
  'TeacherMismatch',
  'NonFiniteLoss',
  'ParityBroken',
  'StoreUnavailable',
  'PeerLost',
  'Interrupted',
  'Crashed',
] as const;

export type FailureReason = (typeof failureReasons)[number];

export interface TrainerFailure {
  readonly outcome: 'failed';
  readonly reason: FailureReason;
  readonly message: string;
  readonly step?: number;
  /** What the next attempt goes on from, as rank 0 alone knows. */
  readonly checkpoint?: Checkpoint;
}

export type TrainerResult = TrainerSuccess | TrainerFailure | { readonly outcome: 'invalid'; readonly message: string };

/** Reads a termination message. A foreign or torn text is `invalid`, with what is wrong about it. */
export function parseResult(text: string): TrainerResult {
  const value = parsed(text);
  if (!isRecord(value)) return invalid('it is not a JSON object');
  const { contractVersion, ...result } = value;
  if (contractVersion !== 'v1') return invalid('contractVersion is not v1');
  if (result.outcome === 'failed') return failureOf(result);
  return result.outcome === 'succeeded' ? successOf(result) : invalid('outcome is neither succeeded nor failed');
}

type JsonRecord = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;
/** A name that ends in `?` may be absent. */
type Members = Readonly<Record<string, Check>>;

const invalid = (what: string): TrainerResult => ({
  outcome: 'invalid',
  message: `The trainer's result does not keep the contract: ${what}.`,
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber: Check = Number.isFinite;
const isInteger: Check = Number.isSafeInteger;
const isString = (value: unknown): value is string => typeof value === 'string';
const isDigest: Check = (value) => isString(value) && /^[0-9a-f]{64}$/.test(value);
const isAxis: Check = (value) => isInteger(value) && Number(value) >= -1;
// The lengths are those of the status: what does not fit there would be refused by the API server, again and again.
const isText =
  (longest: number): Check =>
  (value) =>
    isString(value) && value.length <= longest;
const isOneOf =
  (known: readonly unknown[]): Check =>
  (value) =>
    known.includes(value);
const isList =
  (longest: number, check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= longest && value.every(check);

/** These members and no others: an unknown one has no place in the status. */
const hasExactly =
  (members: Members): Check =>
  (value) =>
    isRecord(value) &&
    Object.keys(value).every((name) => isMember(name, members)) &&
    Object.entries(members).every(([name, check]) => holds(value, name, check));

const isMember = (name: string, members: Members): boolean =>
  Object.hasOwn(members, name) || Object.hasOwn(members, `${name}?`);

function holds(value: JsonRecord, name: string, check: Check): boolean {
  if (!name.endsWith('?')) return check(value[name]);
  const member = value[name.slice(0, -1)];
  return member === undefined || check(member);
}

const interval: Members = { value: isNumber, 'low?': isNumber, 'high?': isNumber };
const measure = hasExactly(interval);
const metrics = hasExactly({ n: isInteger, ...Object.fromEntries(metricNames.map((name) => [`${name}?`, measure])) });
const classMetric = hasExactly({ class: isText(256), n: isInteger, ...interval });
const tensor = hasExactly({ name: isText(256), datatype: isText(32), shape: isList(16, isAxis) });
const artefact = hasExactly({
  ...{ uri: isText(1024), sha256: isDigest, sizeBytes: isInteger },
  ...{ inputs: isList(32, tensor), outputs: isList(32, tensor), 'report?': isText(1024) },
});
const lineage = hasExactly({
  ...{ dataSha256: isText(128), 'configSha256?': isDigest, torch: isText(64), 'teacherSha256?': isText(64) },
  ...{ 'pretrainedSha256?': isDigest, 'tokenizerSha256?': isDigest },
  ...{ splitSeed: isInteger, seed: isInteger, worldSize: isInteger },
});
const isPositive: Check = (value) => isInteger(value) && Number(value) >= 1 && Number(value) < 2 ** 31;
const isAmount: Check = (value) => isNumber(value) && Number(value) >= 0;
const distribution = hasExactly({
  ...{ strategy: isOneOf(strategies), reason: isText(512), processes: isPositive },
  ...{ 'device?': isOneOf(devices), 'scalingEfficiency?': isAmount },
});

const checkpoint = hasExactly({ step: isInteger, uri: isText(1024), sha256: isDigest, 'savedAt?': isText(64) });
const failureMembers: Members = {
  outcome: isString,
  reason: isOneOf(failureReasons),
  ...{ message: isString, 'step?': isInteger, 'checkpoint?': checkpoint },
};

const successMembers: Members = {
  outcome: isString,
  ...{ artefact, metrics, lineage, 'classMetrics?': isList(16, classMetric) },
  ...{ 'control?': metrics, 'teacher?': metrics },
  ...{ 'teacherAgreement?': isNumber, 'teacherSizeBytes?': isInteger, 'resumedFromStep?': isInteger },
  ...{ 'distribution?': distribution, 'skippedCheckpoint?': isText(512) },
  ...{ steps: isInteger, seconds: isNumber },
};

const isFailure = (value: JsonRecord): value is JsonRecord & TrainerFailure => hasExactly(failureMembers)(value);
const isSuccess = (value: JsonRecord): value is JsonRecord & TrainerSuccess => hasExactly(successMembers)(value);

const failureOf = (value: JsonRecord): TrainerResult =>
  isFailure(value) ? value : invalid(faultOf(value, failureMembers));
const successOf = (value: JsonRecord): TrainerResult =>
  isSuccess(value) ? value : invalid(faultOf(value, successMembers));

/** The first member that is wrong, missing or unknown. */
function faultOf(value: JsonRecord, members: Members): string {
  const wrong = Object.entries(members).find(([name, check]) => !holds(value, name, check))?.[0];
  const unknown = Object.keys(value).find((name) => !isMember(name, members)) ?? 'a member';
  return wrong === undefined ? `${unknown} is unknown` : `${wrong.replace('?', '')} is missing or wrong`;
}
