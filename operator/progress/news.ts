/** What pods say → what we remember of it. A pod's words are a stranger's: anything but the contract is no news. Pure. */
import { addressOf, checkpointOf, type Checkpoint } from '../api/checkpoint.ts';
import type { TrainingJobStatus } from '../api/generated.ts';
import { devices, strategies, type Distribution } from '../api/trainer-contract.ts';

/** How far a trainer is, as the status of its job has it. */
export type Training = NonNullable<TrainingJobStatus['training']>;

/** How far a trainer is. */
export interface TrainerNews {
  readonly kind: 'trainer';
  /** Share of the steps that are done, such as `43%`. */
  readonly progress: string;
  readonly training: Training;
  /** Without it no hang is told from a slow step. */
  readonly longestStepSeconds?: number;
  readonly resumedFromStep?: number;
  /** Why newer checkpoints than that could not be used. */
  readonly skippedCheckpoint?: string;
  readonly checkpoint?: Checkpoint;
  readonly distribution?: Distribution;
}

/** Why a server that is up does not get ready. */
export interface ServerNews {
  readonly kind: 'server';
  readonly reason: string;
  readonly message: string;
}

type Members = Readonly<Record<string, unknown>>;

/** GET /progress of a rank, as crds/contracts/trainer-progress.schema.json has it. */
export function parseProgress(body: string): TrainerNews | undefined {
  const document = membersOf(parsed(body));
  const { percent, checkpoint, distribution } = document;
  if (typeof percent !== 'number' || !Number.isInteger(percent) || percent < 0 || percent > 100) return undefined;
  const saved = checkpointOf(membersOf(checkpoint));
  const spread = distributionOf(membersOf(distribution));
  return {
    ...{ kind: 'trainer', progress: `${String(percent)}%`, training: trainingOf(document) },
    ...fitting(document, { longestStepSeconds: amount, resumedFromStep: count, skippedCheckpoint: text }),
    ...(saved === undefined ? {} : { checkpoint: saved }),
    ...(spread === undefined ? {} : { distribution: spread }),
  };
}

const trainingOf = (document: Members): Training =>
  fitting(document, {
    ...{ phase: phase, epoch: count, epochs: count, step: count, steps: count },
    ...{ loss: figure, samplesPerSecond: amount, etaSeconds: count, checkpointProblem: text },
    ...{ validationLoss: figure, validationAccuracy: figure, validationRmse: figure },
    ...{ validationPerplexity: figure, history: addressOf },
  });

type Reader<T> = (value: unknown) => T | undefined;

/** The members that are what they should be; the others are left out. */
function fitting<T extends object>(
  document: Members,
  readers: { readonly [K in keyof T]-?: Reader<Exclude<T[K], undefined>> },
): T {
  const read = Object.entries<Reader<unknown>>(readers).map(([name, reader]) => [name, reader(document[name])]);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as T;
}

const phases = ['starting', 'training', 'validating', 'checkpointing', 'evaluating', 'exporting'] as const;
const phase: Reader<(typeof phases)[number]> = (value) => phases.find((known) => known === value);
/** Four digits are enough for a person. The largest of all would become infinite by them. */
const figure: Reader<number> = (value) => {
  const rounded = typeof value === 'number' ? Number(value.toPrecision(4)) : NaN;
  return Number.isFinite(rounded) ? rounded : undefined;
};
const amount: Reader<number> = (value) => (typeof value === 'number' && value >= 0 ? figure(value) : undefined);
const count: Reader<number> = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const text: Reader<string> = (value) => (typeof value === 'string' && value !== '' ? oneLine(value) : undefined);
const strategy: Reader<Distribution['strategy']> = (value) => strategies.find((known) => known === value);
const device: Reader<(typeof devices)[number]> = (value) => devices.find((known) => known === value);
const processCount: Reader<number> = (value) => {
  const read = count(value);
  return read !== undefined && read >= 1 && read < 2 ** 31 ? read : undefined;
};

/** Whole or not at all, apart from what may not be measured yet, or is not told. */
function distributionOf(members: Members): Distribution | undefined {
  const read = fitting<Partial<Distribution>>(members, {
    ...{ strategy, reason: text, processes: processCount, device, scalingEfficiency: amount },
  });
  const { strategy: chosen, reason: why, processes: count } = read;
  return chosen === undefined || why === undefined || count === undefined
    ? undefined
    : { ...read, strategy: chosen, reason: why, processes: count };
}

/** GET /v2/models/<m>/ready of a server; a model that is still being loaded is no news. */
export function parseReadiness(body: string): ServerNews | undefined {
  const { ready, reason, error } = membersOf(parsed(body));
  if (ready !== false || typeof reason !== 'string' || !/^[A-Za-z]{1,64}$/.test(reason)) return undefined;
  if (reason === 'Loading') return undefined;
  return { kind: 'server', reason, message: oneLine(typeof error === 'string' ? error : '') };
}

const oneLine = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are just what is to go
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500);

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
