/**
 * Says by events what a status tells before that is stored. Events are told from the status that is to be replaced: were it
 * stored first, they would be lost with a process that ends in between. Said twice they have the same names, so that they are
 * one. An event that the API server does not take for now holds the status back until it was offered once more, and all of them
 * together for a minute; no longer, as the conditions matter more than the events.
 */
import { refuseBehind, type Look } from './act.ts';
import { NotLeading, type Note } from './cluster.ts';
import { RootBehind } from './mishaps.ts';
import { keyOf, type KubeObject } from './objects.ts';
import { retryMsOf, type Saying } from './recorder.ts';
import type { Reporting } from './status.ts';

type Telling = Pick<Reporting, 'hands' | 'recorder'>;

/** However many events come meanwhile. */
const longestHoldMs = 60_000;

/** 0: nothing remains to be said, or it was offered in vain twice; otherwise for how many milliseconds the status has to wait. */
export async function tell(
  notes: readonly Note[],
  root: KubeObject,
  { hands, recorder }: Telling,
  saying: Saying & { readonly look: Look },
): Promise<number> {
  const { memory, clock } = hands;
  const [key, nowMs] = [keyOf(root), clock.monotonicMs()];
  const held = memory.heldBack(key);
  const all = new Map([...memory.passing(root), ...notes].map((note) => [textOf(note), note]));
  const news = [...all.values()].filter((note) => recorder.isNews(root, note));
  const passing = news.filter(({ isPassing }) => isPassing);
  memory.keepPassing(root, passing);
  if (held !== undefined && nowMs < held.untilMs && news.length > 0) return held.untilMs - nowMs;
  const { waitMs, untaken } = news.length === 0 ? nothing : await offer(news, root, { hands, recorder }, saying);
  const { sinceMs, offered } = held ?? { sinceMs: nowMs, offered: new Set<string>() };
  const isWorthwhile = nowMs - sinceMs < longestHoldMs && untaken.some((text) => !offered.has(text));
  const now = { sinceMs, untilMs: clock.monotonicMs() + waitMs, offered: new Set([...offered, ...untaken]) };
  memory.holdBack(key, isWorthwhile ? now : undefined);
  if (!isWorthwhile) memory.keepPassing(root, []);
  return isWorthwhile ? waitMs : 0;
}

/** What was not taken for now, and how long to wait for another try. */
interface Offered {
  readonly waitMs: number;
  readonly untaken: readonly string[];
}
const nothing: Offered = { waitMs: 0, untaken: [] };

const textOf = ({ reason, message }: Note): string => `${reason}\n${message}`;

/**
 * No condition upon the root's version guards an event, so the root is looked at first. Who gets no answer to that could store no
 * status either, and tries the whole pass again.
 */
async function offer(
  news: readonly Note[],
  root: KubeObject,
  { hands, recorder }: Telling,
  saying: Saying & { readonly look: Look },
): Promise<Offered> {
  try {
    await refuseBehind(root, hands, saying.look);
  } catch (error) {
    if (error instanceof NotLeading || error instanceof RootBehind || retryMsOf(error) > 0) throw error;
    return nothing;
  }
  const waits = new Map<Note, number>();
  for (const note of news) waits.set(note, await recorder.note(root, note, saying));
  const untaken = [...waits].filter(([, ms]) => ms > 0).map(([note]) => textOf(note));
  return { waitMs: Math.max(0, ...waits.values()), untaken };
}
