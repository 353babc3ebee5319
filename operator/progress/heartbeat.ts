/**
 * What workers answer, or do not → whether their attempt hangs. Pure; times are of the operator's own monotonic clock.
 *
 * | a worker                                         | is                                              |
 * |--------------------------------------------------|-------------------------------------------------|
 * | answers with another step or phase than before   | moving                                          |
 * | answers with the same step, in phase training    | standing since it moved last                    |
 * | accepts the connection and does not answer       | mute: frozen since its last answer              |
 * | cannot be reached, or answers what is no progress| lost: no evidence, its pod tells what became of it |
 *
 * The steps of a group are taken together, so one that stands makes all stand. Steps are expected only while every
 * worker that was heard says that it is training: rank 0 may write a checkpoint for long while the others wait for it.
 *
 * Only what was heard counts, never the time since: whom nobody asks does not hang for that. So every span ends with the
 * last question, and of a longer pause between two questions no more than `mostBetweenMs` is counted.
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
  | { readonly kind: 'unclear' }
  | { readonly kind: 'unreachable' };

/** What is known of a worker's life. The last answer stays known. */
export interface Heartbeat {
  readonly state: 'moving' | 'standing' | 'mute' | 'lost';
  /** Since when it is so, later by what nobody has watched of it. */
  readonly sinceMs: number;
  /** Until when it is known to be so: the last question. */
  readonly heardAtMs: number;
  /** Since when every answer has named this phase. */
  readonly phaseSinceMs: number;
  /** Questions in a row that were not answered, though the connection was accepted. */
  readonly mutes: number;
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
/** A whole checkpoint may hide between two questions; in a sixth of the least patience it does no harm. */
const mostBetweenMs = 10_000;
/** A cut of the network catches one connection between its acceptance and the answer, not two in a row. */
const surelyMute = 2;

/** What is known after another question. Whoever never answered is not judged: it may not have begun. */
export function heartbeatAfter(before: Heartbeat | undefined, heard: Heard, nowMs: number): Heartbeat | undefined {
  if (heard.kind === 'answer') return answered(before, heard, nowMs);
  if (before === undefined) return undefined;
  if (heard.kind === 'mute') return muted(before, nowMs);
  // The queue of a frozen process fills up, and then its address does not answer at all: that is no absolution.
  const isFull = heard.kind === 'unreachable' && before.state === 'mute' && before.mutes >= surelyMute;
  if (isFull) return { ...before, sinceMs: before.sinceMs + unwatchedMs(before, nowMs), heardAtMs: nowMs };
  return { ...before, state: 'lost', sinceMs: nowMs, heardAtMs: nowMs, mutes: 0 };
}

function answered(
  before: Heartbeat | undefined,
  { phase, step, longestStepSeconds }: Extract<Heard, { kind: 'answer' }>,
  nowMs: number,
): Heartbeat {
  const known = before?.state === 'lost' || before?.phase !== phase ? undefined : before;
  const still = phase === 'training' && known?.step === step ? known : undefined;
  return {
    ...{ phase, step, longestStepSeconds, heardAtMs: nowMs, mutes: 0 },
    state: still === undefined ? 'moving' : 'standing',
    sinceMs: still === undefined ? nowMs : still.sinceMs + unwatchedMs(still, nowMs),
    phaseSinceMs: known?.phaseSinceMs ?? nowMs,
  };
}

function muted(before: Heartbeat, nowMs: number): Heartbeat {
  const lastMs = before.state === 'mute' ? before.sinceMs : before.heardAtMs;
  const sinceMs = before.state === 'lost' ? nowMs : lastMs + unwatchedMs(before, nowMs);
  return { ...before, state: 'mute', sinceMs, heardAtMs: nowMs, mutes: before.mutes + 1 };
}

/** What is too long of the pause between the last question and this one. */
const unwatchedMs = ({ heardAtMs }: Heartbeat, nowMs: number): number => Math.max(0, nowMs - heardAtMs - mostBetweenMs);

/** Whether these workers of an attempt hang. `settingSeconds`: retry.stallSeconds. */
export function stallOf(
  attempt: number,
  workers: readonly Worker[],
  settingSeconds: number | undefined,
): Stall | undefined {
  if (settingSeconds === 0) return undefined;
  const longest = Math.max(0, ...workers.map(({ heartbeat }) => heartbeat.longestStepSeconds ?? 0));
  const limitMs = (settingSeconds ?? Math.max(leastSeconds, longestSteps * longest)) * 1000;
  const training = togetherTraining(workers);
  const first = workers.find(({ heartbeat }) => stillMs(heartbeat, training) > limitMs);
  if (first === undefined) return undefined;
  const seconds = Math.round(stillMs(first.heartbeat, training) / 1000);
  const culprit = culpritOf(workers);
  const message = sentenceOf(culprit, seconds, first.heartbeat.step ?? 0, longest);
  return { attempt, message, ...(culprit === undefined ? {} : { pod: culprit.pod, rank: culprit.rank }) };
}

interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** How long this worker is known to do nothing, though something is expected of it. */
function stillMs(heartbeat: Heartbeat, training: Span | undefined): number {
  const { state, phase, sinceMs, heardAtMs, longestStepSeconds } = heartbeat;
  // While PyTorch is imported nobody can answer.
  if (state === 'mute') return phase === undefined || phase === 'starting' ? 0 : heardAtMs - sinceMs;
  if (state !== 'standing' || longestStepSeconds === undefined || training === undefined) return 0;
  return training.untilMs - Math.max(sinceMs, training.sinceMs);
}

/**
 * When steps are expected: as long as all that answer are known to train. Of a worker that is lost nobody knows what it
 * does, nor of rank 0 before it was heard.
 */
function togetherTraining(workers: readonly Worker[]): Span | undefined {
  const beats = workers.map(({ heartbeat }) => heartbeat).filter(({ state }) => state !== 'mute');
  const isKnown = workers.some(({ rank }) => rank === 0);
  if (!isKnown || beats.some(({ state, phase }) => state === 'lost' || phase !== 'training')) return undefined;
  return {
    sinceMs: Math.max(...beats.map(({ phaseSinceMs }) => phaseSinceMs)),
    untilMs: Math.min(...beats.map(({ heardAtMs }) => heardAtMs)),
  };
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
