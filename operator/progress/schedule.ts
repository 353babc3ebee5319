/**
 * Whom to ask now, and how often. Pure. Every question is a connection, made by the one thread that also keeps the
 * lease, so there are only so many a second for all pods together.
 *
 * | who                                            | is asked every                                         |
 * |------------------------------------------------|--------------------------------------------------------|
 * | the first: rank 0, servers, workers found mute | 2 s, or longer where half of the budget is too little  |
 * | other workers                                  | 2 s, or longer where what is left of it is too little  |
 * | whoever could not be reached                   | half as long again as it has been silent, at most 30 s |
 * | of those whoever has never said anything, for  | as above, when it is its turn: two of them a second    |
 * | more than a minute                             |                                                        |
 *
 * Who has not answered the last time, or slowly, may be a host that costs seconds, and whoever was never asked is no
 * better: those get a quarter of the budget where others want it, and who was asked in vain never gets more. So an
 * operator among thousands of pods that have nothing to say costs next to nothing. What is due goes by turns, one of each
 * namespace and of that one of each job: however many pods a tenant has, it is each other that they wait for.
 */

/** A pod that may be asked. */
export interface Candidate {
  readonly namespace: string;
  /** UID of the object whose news it is. */
  readonly root: string;
  /** People look at what it says, or it may be frozen. */
  readonly isFirst: boolean;
  /** Did it answer the last question, and soon? */
  readonly isSure: boolean;
  readonly cameAtMs: number;
  readonly askedAtMs: number | undefined;
  /** Before that it is not asked again. */
  readonly restsUntilMs: number;
}

/** How often pods that answer are asked. */
export interface Pace {
  readonly firstMs: number;
  readonly otherMs: number;
}

/** What is asked until the next look. */
export interface Round<T> {
  readonly ask: readonly T[];
  readonly pace: Pace;
  /** How long the question that is wanted most has been due. */
  readonly lateMs: number;
}

/** So often is looked whom to ask. */
export const lookEveryMs = 500;
const everyMs = 2000;
/** Of questions to pods that do not answer, always, and to those that were never asked, where others want the whole. */
const unsureShare = 1 / 4;
const longestRestMs = 30_000;
/** Who has been silent for this long since it came does not merely start. */
const startMs = 60_000;
/**
 * Of those that never answered and do not merely start so many are asked between two looks. A program of somebody's own
 * may have nothing to say at all: thousands of those are to cost no more than a few.
 */
export const strangersPerLook = 1;
/** Up to this share is taken off by chance, so that what was cut off together does not come back together. */
const jitter = 1 / 4;

/** How long a pod is left alone that has not answered for `silentMs`: waits grow by half. `chance` is in [0, 1). */
export const restMs = (silentMs: number, chance: number): number =>
  Math.min(longestRestMs, silentMs / 2) * (1 - jitter * chance);

/** Whether a pod that has been silent since it came, `silentMs` ago, may have nothing to say at all. */
export const isStrange = (silentMs: number): boolean => silentMs >= startMs;

/**
 * Whom to ask in the `lookEveryMs` to come; `perSecond` is the budget. Who is not due costs a comparison; who is known to
 * rest for longer may be left out, and is counted by `resting`.
 */
export function whomToAsk<T extends Candidate>(
  all: readonly T[],
  nowMs: number,
  perSecond: number,
  resting = 0,
): Round<T> {
  const pace = paceOf(all, perSecond, resting);
  const due = all
    .filter((candidate) => dueAt(candidate, pace) <= nowMs)
    .map((candidate) => ({ candidate, dueAtMs: dueAt(candidate, pace) }))
    .sort(inOrder);
  const turns = interleaved(
    interleaved(due, ({ candidate }) => candidate.root),
    ({ candidate }) => candidate.namespace,
  );
  const room = (perSecond * lookEveryMs) / 1000;
  return {
    ask: withinRoom(
      turns.map(({ candidate }) => candidate),
      room,
    ),
    pace,
    lateMs: due.reduce((most, { dueAtMs }) => Math.max(most, nowMs - dueAtMs), 0),
  };
}

function paceOf(all: readonly Candidate[], perSecond: number, resting: number): Pace {
  const sure = all.filter(({ isSure }) => isSure);
  const first = sure.filter(({ isFirst }) => isFirst).length;
  const others = sure.length - first;
  const wanted = (pods: number): number => (1000 * pods) / everyMs;
  const budget = perSecond - Math.min(perSecond * unsureShare, wanted(all.length - sure.length + resting));
  const firstMs = intervalMs(first, Math.max(budget / 2, budget - wanted(others)));
  return { firstMs, otherMs: intervalMs(others, budget - (1000 * first) / firstMs) };
}

const intervalMs = (pods: number, perSecond: number): number =>
  pods === 0 ? everyMs : Math.max(everyMs, (1000 * pods) / perSecond);

function dueAt({ isFirst, cameAtMs, askedAtMs, restsUntilMs }: Candidate, { firstMs, otherMs }: Pace): number {
  if (askedAtMs === undefined) return cameAtMs;
  return Math.max(restsUntilMs, askedAtMs + (isFirst ? firstMs : otherMs));
}

interface Due {
  readonly candidate: Candidate;
  readonly dueAtMs: number;
}

const inOrder = (one: Due, other: Due): number =>
  Number(other.candidate.isFirst) - Number(one.candidate.isFirst) || one.dueAtMs - other.dueAtMs;

/** One of each group in turn; within a turn and within a group the order stays. */
function interleaved<T>(items: readonly T[], groupOf: (item: T) => string): readonly T[] {
  const counts = new Map<string, number>();
  const turns = items.map((item) => {
    const turn = counts.get(groupOf(item)) ?? 0;
    counts.set(groupOf(item), turn + 1);
    return { item, turn };
  });
  return turns.toSorted((one, other) => one.turn - other.turn).map(({ item }) => item);
}

function withinRoom<T extends Candidate>(due: readonly T[], room: number): readonly T[] {
  const share = Math.floor(room * unsureShare);
  const idle = new Set(due.filter(({ isSure, askedAtMs }) => !isSure && askedAtMs !== undefined).slice(share));
  const wanted = due.filter((candidate) => !idle.has(candidate));
  const unsure = wanted.filter(({ isSure }) => !isSure);
  const late = new Set(unsure.slice(Math.max(share, room - (wanted.length - unsure.length))));
  return wanted.filter((candidate) => !late.has(candidate)).slice(0, room);
}
