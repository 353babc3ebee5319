/**
 * State of a run → the part of the status that both kinds of job share. Pure.
 *
 * | state      | phase      | Accepted           | Progressing          | Succeeded            |
 * |------------|------------|--------------------|----------------------|----------------------|
 * | refused    | Refused    | False, its reason  | False                | Unknown              |
 * | waiting    | Waiting    | Unknown, its reason| False                | Unknown              |
 * | suspended  | Suspended  | True               | False, Suspended     | Unknown              |
 * | queued     | Queued     | True               | False, Queued        | Unknown              |
 * | starting   | Starting   | True               | True, what it lacks* | Unknown              |
 * | running    | Running    | True               | True, AttemptRunning†| Unknown              |
 * | restarting | Restarting | True               | True, BackingOff     | Unknown              |
 * | succeeded  | Succeeded  | True               | False, Finished      | True, GatesPassed    |
 * | gate missed| Failed     | True               | False, Finished      | False, GateNotMet    |
 * | failed     | Failed     | True               | False, Finished      | False, its reason    |
 *
 * * False where a kubelet fails to start a worker: since when it does is told by no pod, but by this condition.
 * † or WorkerUnreachable, where it takes a person.
 */
import type { Checkpoint } from '../api/checkpoint.ts';
import type { TrainingJobStatus } from '../api/generated.ts';
import type { Distribution } from '../api/trainer-contract.ts';
import type { ConditionType, Reason } from '../api/vocabulary.ts';
import type { Note } from '../kernel/cluster.ts';
import { stampConditions, type Condition, type ConditionDraft } from '../kernel/objects.ts';
import { earlierRunSeconds, timeText } from './attempts.ts';
import type { GateVerdict } from './gates.ts';
import { gpuCondition, type DeviceTold } from './gpu-use.ts';
import type { RunState } from './run-state.ts';
import { scalingCondition } from './scaling.ts';
import type { Settings } from './settings.ts';
import { clipped, longestText, sentenceOf } from './sentence.ts';
import { startReasons } from './start-trouble.ts';
import type { Attempt, RunCondition, RunNews, RunRoot, RunStatus, Training } from './run.ts';

export type Phase = NonNullable<TrainingJobStatus['phase']>;

/** Everything that the shared part of a status is made from. */
export interface RunReport {
  readonly root: RunRoot;
  readonly state: RunState;
  readonly attempts: readonly Attempt[];
  /** Of a run that succeeded. */
  readonly gates: GateVerdict | undefined;
  /** Share of the steps that are done, as rank 0 says. */
  readonly progress: string | undefined;
  readonly news: RunNews | undefined;
  readonly settings: Pick<Settings, 'gpuProfiles'>;
  /** As the last attempt named it when it failed. */
  readonly checkpoint?: Checkpoint | undefined;
}

const phases: Readonly<Record<RunState['kind'], Phase>> = {
  refused: 'Refused',
  waiting: 'Waiting',
  suspended: 'Suspended',
  queued: 'Queued',
  starting: 'Starting',
  running: 'Running',
  restarting: 'Restarting',
  succeeded: 'Succeeded',
  failed: 'Failed',
};

const phaseOf = ({ state, gates }: RunReport): Phase => (gates?.met === false ? 'Failed' : phases[state.kind]);
const isFinal = ({ state }: RunReport): boolean => state.kind === 'succeeded' || state.kind === 'failed';

/** The shared members of the status. */
export function runStatus(report: RunReport, now: Date) {
  const { root, attempts } = report;
  return {
    ...present({
      observedGeneration: root.metadata.generation,
      progress: progressOf(report),
      training: trainingOf(report),
      checkpoint: report.checkpoint ?? report.news?.checkpoint ?? root.status?.checkpoint,
      distribution: distributionOf(report),
      startedAt: root.status?.startedAt ?? attempts[0]?.startedAt,
      finishedAt: finishedAtOf(report, now),
      earlierRunSeconds: forgottenOf(report),
    }),
    phase: phaseOf(report),
    attempts,
    attemptCount: attempts.at(-1)?.number ?? 0,
    conditions: stampConditions(conditionsOf(report), root.status?.conditions, now),
  };
}

const finishedAtOf = (report: RunReport, now: Date): string | undefined =>
  isFinal(report) ? (report.root.status?.finishedAt ?? timeText(now)) : undefined;

/** Unset while every attempt is listed. */
function forgottenOf({ root, attempts }: RunReport): number | undefined {
  const seconds = earlierRunSeconds(root, attempts);
  return seconds === 0 ? undefined : seconds;
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that have a value: an absent field is absent, not undefined. */
const present = <T extends object>(members: T): Present<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>;

const progressOf = ({ state, progress }: RunReport): string | undefined =>
  state.kind === 'succeeded' ? '100%' : state.kind === 'running' ? progress : undefined;

/** What was heard last stays; of a run that succeeded the result says where it ended, which may be before the last step. */
function trainingOf({ root, state, news }: RunReport): Training | undefined {
  const training = news?.training ?? root.status?.training;
  if (state.kind !== 'succeeded' || training === undefined) return training;
  const { steps: step } = state.result;
  const over = { phase: undefined, etaSeconds: undefined, checkpointProblem: undefined };
  return present({ ...training, ...over, epoch: epochOf(step, training), step });
}

/** Of the plan's epochs, each of which has as many steps; as heard last where there is no plan. */
function epochOf(step: number, { epoch, epochs, steps }: Training): number | undefined {
  if (epochs === undefined || steps === undefined || steps === 0) return epoch;
  return Math.min(epochs, Math.ceil((step * epochs) / steps));
}

/** What was heard last stays; a run that succeeded says it once more. */
const distributionOf = ({ root, state, news }: RunReport): Distribution | undefined =>
  (state.kind === 'succeeded' ? state.result.distribution : undefined) ??
  news?.distribution ??
  root.status?.distribution;

/** By the last words of an attempt, which nobody can miss; until then by what was heard of it. */
function deviceTold({ state, attempts, news }: RunReport): DeviceTold {
  if (state.kind === 'succeeded') return { attempt: attempts.at(-1), device: state.result.distribution?.device };
  return { attempt: attempts.find(({ number }) => number === news?.attempt), device: news?.distribution?.device };
}

function conditionsOf(report: RunReport): readonly ConditionDraft[] {
  const { metadata, status } = report.root;
  const stamp = metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
  const measured = [
    scalingCondition(distributionOf(report), conditionOf(status, 'ScalingUseful')),
    gpuCondition(deviceTold(report), report.settings, conditionOf(status, 'GpuUsed')),
  ].filter((draft) => draft !== undefined);
  return [accepted(report), progressing(report), succeeded(report), ...measured].map((draft) => ({
    ...draft,
    ...stamp,
    message: clipped(draft.message, longestText.condition),
  }));
}

function accepted({ state }: RunReport): RunCondition {
  const type = 'Accepted';
  if (state.kind === 'refused') return { type, status: 'False', reason: state.reason, message: state.message };
  if (state.kind === 'waiting') return { type, status: 'Unknown', reason: state.reason, message: state.message };
  return { type, status: 'True', reason: 'Valid', message: 'Spec and references make sense.' };
}

/** Progressing, once nothing progresses any more. */
export const overCondition = { status: 'False', reason: 'Finished', message: 'The job is over.' } as const;

function progressing({ state }: RunReport): RunCondition {
  const type = 'Progressing';
  switch (state.kind) {
    case 'starting':
    case 'restarting':
      return {
        type,
        status: startReasons.has(state.reason) ? 'False' : 'True',
        reason: state.reason,
        message: state.message,
      };
    case 'running':
      return { type, status: 'True', reason: state.reason ?? 'AttemptRunning', message: state.message };
    case 'suspended':
      return { type, status: 'False', reason: 'Suspended', message: state.message };
    case 'queued':
      return { type, status: 'False', reason: 'Queued', message: state.message };
    case 'refused':
    case 'waiting':
      return { type, status: 'False', reason: state.reason, message: state.message };
    case 'succeeded':
    case 'failed':
      return { type, ...overCondition };
  }
}

function succeeded({ state, gates }: RunReport): RunCondition {
  const type = 'Succeeded';
  if (state.kind === 'failed') return { type, status: 'False', reason: state.reason, message: state.message };
  if (state.kind !== 'succeeded' || gates === undefined)
    return { type, status: 'Unknown', reason: 'Running', message: 'Not decided yet.' };
  if (gates.met) return { type, status: 'True', reason: 'GatesPassed', message: gates.message };
  return { type, status: 'False', reason: 'GateNotMet', message: gates.message };
}

/** What changed, said once: attempts that began or failed, trouble with checkpoints, something that is missing, the end. */
export function runEvents(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  const known = new Map((before?.attempts ?? []).map((attempt) => [attempt.number, attempt]));
  const looks = lookNumbers(after.attempts ?? []);
  const told = (after.attempts ?? []).filter(({ number }) => !looks.has(number));
  const news = told.flatMap((attempt) => attemptNews(known.get(attempt.number), attempt));
  return [
    ...news,
    ...checkpointNews(before, after),
    ...warningNews(before, after),
    ...acceptanceNews(before, after),
    ...stuckNews(before, after),
    ...endNews(before, after),
  ];
}

/** Attempts that only looked again for something missing: the condition tells that once, not every look. */
function lookNumbers(attempts: readonly Attempt[]): ReadonlySet<number> {
  const isLook = ({ outcome }: Attempt, at: number): boolean =>
    outcome === 'Waiting' || (outcome === undefined && attempts[at - 1]?.outcome === 'Waiting');
  return new Set(attempts.filter(isLook).map(({ number }) => number));
}

function attemptNews(before: Attempt | undefined, after: Attempt): readonly Note[] {
  const number = String(after.number);
  const begun: Note = { kind: 'Normal', reason: 'AttemptStarting', message: `Attempt ${number} starts.` };
  // The first one is no news: the phase tells it, and so do the events of its Job.
  const isNews = before === undefined && after.number > 1;
  if (after.endedAt === undefined || after.outcome === 'Succeeded') return isNews ? [begun] : [];
  if (before?.endedAt !== undefined) return [];
  const reason = after.reason ?? 'Crashed';
  if (after.outcome === 'Suspended') return [{ kind: 'Normal', reason, message: `Attempt ${number} is suspended.` }];
  return [{ kind: 'Warning', reason, message: `Attempt ${number} ended: ${sentenceOf(after)}` }];
}

/** Checkpoints that an attempt could not use, and one that the store does not take. */
function checkpointNews(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  const known = new Set((before?.attempts ?? []).filter(({ skippedCheckpoint }) => skippedCheckpoint).map(numberIn));
  const skips = (after.attempts ?? []).flatMap((attempt): readonly Note[] => {
    const { number, skippedCheckpoint, resumedFromStep } = attempt;
    if (skippedCheckpoint === undefined || known.has(number)) return [];
    const goesOn = resumedFromStep === undefined ? 'begins anew' : `goes on from step ${String(resumedFromStep)}`;
    const message = `Attempt ${String(number)} ${goesOn}; skipped: ${skippedCheckpoint}.`;
    return [{ kind: 'Warning', reason: 'CheckpointSkipped', message }];
  });
  const problem = after.training?.checkpointProblem;
  if (problem === undefined || before?.training?.checkpointProblem !== undefined) return skips;
  return [...skips, { kind: 'Warning', reason: 'CheckpointNotWritten', message: problem }];
}

const numberIn = ({ number }: Attempt): number => number;

const conditionOf = (status: RunStatus | undefined, type: ConditionType): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

function acceptanceNews(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  const [was, is] = [conditionOf(before, 'Accepted'), conditionOf(after, 'Accepted')];
  if (is === undefined || is.status === 'True' || is.reason === was?.reason) return [];
  return [{ kind: 'Warning', reason: is.reason, message: is.message }];
}

/** The attempt, or the next one, waits for somebody, not for something. */
const stuck: ReadonlySet<string> = new Set<Reason>(['PodsStuck', 'WorkerUnreachable']);

function stuckNews(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  const [was, is] = [conditionOf(before, 'Progressing'), conditionOf(after, 'Progressing')];
  if (is === undefined || !stuck.has(is.reason) || was?.reason === is.reason) return [];
  return [{ kind: 'Warning', reason: is.reason, message: is.message }];
}

/** What ends no run, and makes it a waste. */
function warningNews(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  return (['ScalingUseful', 'GpuUsed'] as const).flatMap((type): readonly Note[] => {
    const [was, is] = [conditionOf(before, type), conditionOf(after, type)];
    if (is?.status !== 'False' || was?.status === 'False') return [];
    return [{ kind: 'Warning', reason: is.reason, message: is.message }];
  });
}

function endNews(before: RunStatus | undefined, after: RunStatus): readonly Note[] {
  const [was, is] = [conditionOf(before, 'Succeeded'), conditionOf(after, 'Succeeded')];
  if (is === undefined || is.status === 'Unknown' || is.status === was?.status) return [];
  return [{ kind: is.status === 'True' ? 'Normal' : 'Warning', reason: is.reason, message: is.message }];
}
