/**
 * What workers answer, or do not → whether their attempt hangs. Pure; `nowMs` is the operator's own monotonic time.
 *
 * | a worker                                         | is                                              |
 * |--------------------------------------------------|-------------------------------------------------|
 * | answers with another step or phase than before   | moving                                          |
 * | answers with the same step, in phase training    | standing since it moved last                    |
 * | accepts the connection and does not answer       | mute: frozen since it moved last                |
 * | cannot be reached                                | lost: no evidence, its pod tells what became of it |
 *
 * The steps of a group are taken together, so one that stands makes all stand. Steps are expected only while every
 * worker that answers says that it is training: rank 0 may write a checkpoint for long while the others wait for it.
 */

/** One question to a worker and what came of it. */
export type Heard =
  | {
      readonly kind: 'answer';
      readonly phase?: string | undefined;
      readonly step?: number | undefined;
      readonly longestStepSeconds?: number | undefined;
    }
  | { readonly kind: 'mute' }
  | { readonly kind: 'unreachable' };

/** What is known of a worker's life. The last answer stays known. */
export interface Heartbeat {
  readonly state: 'moving' | 'standing' | 'mute' | 'lost';
  readonly sinceMs: number;
  readonly phase: string | undefined;
  readonly step: number | undefined;
  readonly longestStepSeconds: number | undefined;
}

/** A worker of one attempt. */
export interface Worker {
  readonly rank: number;
  readonly pod: string;
  readonly heartbeat: Heartbeat;
}

/** Why an attempt counts as hung; `pod` and `rank` where one worker stands out. */
export interface Stall {
  readonly attempt: number;
  readonly message: string;
  readonly pod?: string;
  readonly rank?: number;
}

/** Below this a machine that is merely overloaded would look like a hang. */
const leastSeconds = 60;
const longestSteps = 5;

/** What is known after another question. Whoever never answered is not judged: it may not have begun. */
export function heartbeatAfter(before: Heartbeat | undefined, heard: Heard, nowMs: number): Heartbeat | undefined {
  if (heard.kind === 'answer') return answered(before, heard, nowMs);
  if (before === undefined) return undefined;
  if (heard.kind === 'mute')
    return { ...before, state: 'mute', sinceMs: before.state === 'lost' ? nowMs : before.sinceMs };
  // The queue of a frozen process fills up, and then its address does not answer at all: that is no absolution.
  return before.state === 'mute' ? before : { ...before, state: 'lost', sinceMs: nowMs };
}

function answered(
  before: Heartbeat | undefined,
  { phase, step, longestStepSeconds }: Extract<Heard, { kind: 'answer' }>,
  nowMs: number,
): Heartbeat {
  const isSame = before !== undefined && before.step === step && before.phase === phase && before.state !== 'lost';
  const stands = isSame && phase === 'training';
  const sinceMs = stands ? before.sinceMs : nowMs;
  return { state: stands ? 'standing' : 'moving', sinceMs, phase, step, longestStepSeconds };
}

/** Whether these workers of an attempt hang. `settingSeconds`: retry.stallSeconds. */
export function stallOf(
  attempt: number,
  workers: readonly Worker[],
  settingSeconds: number | undefined,
  nowMs: number,
): Stall | undefined {
  if (settingSeconds === 0) return undefined;
  const longest = Math.max(0, ...workers.map(({ heartbeat }) => heartbeat.longestStepSeconds ?? 0));
  const limitMs = (settingSeconds ?? Math.max(leastSeconds, longestSteps * longest)) * 1000;
  const late = workers.filter(({ heartbeat }) => isExpected(heartbeat, workers) && nowMs - heartbeat.sinceMs > limitMs);
  const [first] = late;
  if (first === undefined) return undefined;
  const seconds = Math.round((nowMs - first.heartbeat.sinceMs) / 1000);
  const culprit = culpritOf(workers);
  const message = sentenceOf(culprit, seconds, first.heartbeat.step ?? 0, longest);
  return { attempt, message, ...(culprit === undefined ? {} : { pod: culprit.pod, rank: culprit.rank }) };
}

/** Is this worker to be judged by the time that has passed? */
function isExpected({ state, phase, longestStepSeconds }: Heartbeat, workers: readonly Worker[]): boolean {
  // While PyTorch is imported nobody can answer.
  if (state === 'mute') return phase !== undefined && phase !== 'starting';
  if (state !== 'standing' || longestStepSeconds === undefined) return false;
  return workers.every(({ heartbeat }) => heartbeat.state === 'mute' || heartbeat.phase === 'training');
}

/** Who is mute, or else who is behind all others: those wait for it. */
function culpritOf(workers: readonly Worker[]): Worker | undefined {
  const mute = workers.find(({ heartbeat }) => heartbeat.state === 'mute');
  if (mute !== undefined || workers.length === 1) return mute ?? workers[0];
  const steps = workers.map(({ heartbeat }) => heartbeat.step ?? 0);
  const least = Math.min(...steps);
  const behind = workers.filter(({ heartbeat }) => (heartbeat.step ?? 0) === least);
  return behind.length === 1 ? behind[0] : undefined;
}

function sentenceOf(culprit: Worker | undefined, seconds: number, step: number, longest: number): string {
  const long = `${String(seconds)} s`;
  if (culprit?.heartbeat.state === 'mute')
    return `Worker ${String(culprit.rank)} has not answered for ${long}, though its pod accepts connections: it is frozen.`;
  const measure = `the longest step so far took ${String(Number(longest.toPrecision(2)))} s`;
  const who = culprit === undefined ? 'No worker' : `Worker ${String(culprit.rank)} is behind the others and`;
  const verb = culprit === undefined ? 'has done' : 'has not done';
  return `${who} ${verb} a step for ${long}, at step ${String(step)}; ${measure}.`;
}
