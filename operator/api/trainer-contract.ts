/**
 * What operator and trainer say to each other, as types; the shapes are crds/contracts/*.schema.json, against which both
 * sides are tested.
 */

export type ModelConfig =
  | { readonly kind: 'linear' }
  | { readonly kind: 'mlp'; readonly hidden: readonly number[] }
  | { readonly kind: 'cnn'; readonly channels: readonly number[]; readonly hidden: number };

export type SourceConfig =
  | { readonly kind: 'builtin'; readonly name: string }
  | { readonly kind: 's3'; readonly uri: string; readonly sha256?: string };

/** trainer-config: one file, the same for every rank. */
export interface TrainerConfig {
  readonly contractVersion: 'v1';
  readonly run: { readonly namespace: string; readonly name: string; readonly uid: string; readonly attempt: number };
  readonly store: { readonly runUri: string; readonly modelsUri: string };
  readonly task: 'classification';
  readonly model: ModelConfig;
  readonly data: {
    readonly source: SourceConfig;
    readonly split: { readonly validation: number; readonly test: number; readonly seed: number };
    readonly labelled?: number;
  };
  readonly optimization: object;
  readonly checkpoint: { readonly everySeconds: number; readonly keep: number };
  readonly distillation?: {
    readonly teacher: { readonly uri: string; readonly sha256: string };
    readonly method: { readonly kind: 'response'; readonly temperature: number; readonly alpha: number };
    readonly control: boolean;
  };
  readonly progressPort: number;
}

/** Shares of the held-out split; n: its samples. */
export interface Metrics {
  readonly n: number;
  readonly accuracy: number;
  readonly accuracyLow: number;
  readonly accuracyHigh: number;
  readonly macroRecall: number;
  readonly macroF1: number;
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
}

export interface Lineage {
  readonly dataSha256: string;
  readonly splitSeed: number;
  readonly seed: number;
  readonly worldSize: number;
  readonly torch: string;
  readonly teacherSha256?: string;
}

export interface TrainerSuccess {
  readonly outcome: 'succeeded';
  readonly artefact: Artefact;
  readonly metrics: Metrics;
  readonly control?: Metrics;
  readonly teacher?: Metrics;
  readonly teacherAgreement?: number;
  readonly teacherSizeBytes?: number;
  readonly lineage: Lineage;
  readonly resumedFromStep?: number;
  readonly steps: number;
  readonly seconds: number;
}

/** Why a trainer gave up, in its own words. */
export const failureReasons = [
  'ConfigInvalid',
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
}

export type TrainerResult = TrainerSuccess | TrainerFailure | { readonly outcome: 'invalid'; readonly message: string };

/** Reads a termination message. A foreign or torn text is `invalid`, with what is wrong about it. */
export function parseResult(text: string): TrainerResult {
  const value = parsed(text);
  if (!isRecord(value)) return invalid('it is not a JSON object');
  if (value.contractVersion !== 'v1') return invalid('contractVersion is not v1');
  if (value.outcome === 'failed') return failureOf(value);
  return value.outcome === 'succeeded' ? successOf(value) : invalid('outcome is neither succeeded nor failed');
}

type JsonRecord = Readonly<Record<string, unknown>>;

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
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isString = (value: unknown): value is string => typeof value === 'string';

const isReason = (value: unknown): value is FailureReason => failureReasons.some((reason) => reason === value);

function failureOf({ reason, message, step }: JsonRecord): TrainerResult {
  if (!isReason(reason)) return invalid('reason is not one of the contract');
  if (!isString(message)) return invalid('message is missing');
  return { outcome: 'failed', reason, message, ...(isNumber(step) ? { step } : {}) };
}

function successOf(value: JsonRecord): TrainerResult {
  const { artefact, metrics, control, teacher, lineage, steps, seconds } = value;
  if (!isArtefact(artefact)) return invalid('artefact');
  if (!isMetrics(metrics)) return invalid('metrics');
  if (control !== undefined && !isMetrics(control)) return invalid('control');
  if (teacher !== undefined && !isMetrics(teacher)) return invalid('teacher');
  if (!isLineage(lineage)) return invalid('lineage');
  if (!isNumber(steps) || !isNumber(seconds)) return invalid('steps or seconds');
  return {
    ...{ outcome: 'succeeded', artefact, metrics, lineage, steps, seconds },
    ...(control === undefined ? {} : { control }),
    ...(teacher === undefined ? {} : { teacher }),
    ...numbersOf(value, ['teacherAgreement', 'teacherSizeBytes', 'resumedFromStep']),
  };
}

const numbersOf = (value: JsonRecord, names: readonly string[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const member = value[name];
      return isNumber(member) ? [[name, member]] : [];
    }),
  );

const metricNames = ['n', 'accuracy', 'accuracyLow', 'accuracyHigh', 'macroRecall', 'macroF1'] as const;

const isMetrics = (value: unknown): value is Metrics =>
  isRecord(value) && metricNames.every((name) => isNumber(value[name]));

const isTensor = (value: unknown): value is Tensor =>
  isRecord(value) &&
  isString(value.name) &&
  isString(value.datatype) &&
  Array.isArray(value.shape) &&
  value.shape.every(isNumber);

const isArtefact = (value: unknown): value is Artefact =>
  isRecord(value) &&
  isString(value.uri) &&
  isString(value.sha256) &&
  /^[0-9a-f]{64}$/.test(value.sha256) &&
  isNumber(value.sizeBytes) &&
  [value.inputs, value.outputs].every((tensors) => Array.isArray(tensors) && tensors.every(isTensor));

const isLineage = (value: unknown): value is Lineage =>
  isRecord(value) &&
  [value.dataSha256, value.torch].every(isString) &&
  [value.splitSeed, value.seed, value.worldSize].every(isNumber);
