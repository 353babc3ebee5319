/**
 * Says by events what a status tells before that is stored. Events are told from the status that is to be replaced: were it
 * stored first, they would be lost with a process that ends in between. Said twice they have the same names, so that they are
 * one. An event that the API server does not take for now holds the status back until it was offered once more; no longer, as
 * the conditions matter more than the events.
 */
import { refuseBehind, type Look } from './act.ts';
import { NotLeading, type Note } from './cluster.ts';
import { RootBehind } from './mishaps.ts';
import { keyOf, type KubeObject } from './objects.ts';
import { retryMsOf, type Saying } from './recorder.ts';
import type { Reporting } from './status.ts';

type Telling = Pick<Reporting, 'hands' | 'recorder'>;

/** 0: nothing remains to be said, or it was offered in vain twice; otherwise for how many milliseconds the status has to wait. */
export async function tell(
  notes: readonly Note[],
  root: KubeObject,
  { hands, recorder }: Telling,
  saying: Saying & { readonly look: Look },
): Promise<number> {
  const { memory, clock } = hands;
  const [key, nowMs, untilMs] = [keyOf(root), clock.monotonicMs(), memory.heldBackUntilMs(keyOf(root))];
  const news = notes.filter((note) => recorder.isNews(root, note));
  if (untilMs !== undefined && nowMs < untilMs && news.length > 0) return untilMs - nowMs;
  const waitMs = news.length === 0 ? 0 : await offer(news, root, { hands, recorder }, saying);
  const isFirst = waitMs > 0 && untilMs === undefined;
  memory.holdBack(key, isFirst ? clock.monotonicMs() + waitMs : undefined);
  return isFirst ? waitMs : 0;
}

/**
 * No condition upon the root's version guards an event, so the root is looked at first. Who gets no answer to that could store no
 * status either, and tries the whole pass again.
 */
async function offer(
  news: readonly Note[],
  root: KubeObject,
  { hands, recorder }: Telling,
  saying: Saying & { readonly look: Look },
): Promise<number> {
  try {
    await refuseBehind(root, hands, saying.look);
  } catch (error) {
    if (error instanceof NotLeading || error instanceof RootBehind || retryMsOf(error) > 0) throw error;
    return 0;
  }
  let waitMs = 0;
  for (const note of news) waitMs = Math.max(waitMs, await recorder.note(root, note, saying));
  return waitMs;
}
