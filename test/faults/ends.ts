/**
 * Ends of attempts that were told twice. Each is told once, in whatever words: by an event that says why the attempt ended,
 * or that it is suspended. Events are said before the status that tells the same (ADR 23), so who could not store it after
 * he had spoken may rightly be followed by other words: those of a successor, or his own, once he has seen more.
 */
import type { Event } from './events.ts';
import type { Exchange } from './trace.ts';

interface End {
  /** UID of the root. */
  readonly root: string;
  readonly attempt: number;
  readonly said: string;
  readonly exchange: Exchange;
}

/** `answered`: writes that the plan answered in the place of the API server. */
export function endsToldAgain(exchanges: readonly Exchange[], answered: readonly Exchange[]): readonly string[] {
  const ends = exchanges.flatMap(endIn);
  return ends.flatMap((end, index) => {
    // The same words are another event in another hour, and where releases name events differently.
    const before = ends.slice(0, index).findLast(({ root, attempt }) => root === end.root && attempt === end.attempt);
    if (before === undefined || before.said === end.said || mayJudgeAnew(before, end, exchanges, answered)) return [];
    return [`of ${end.root}: first "${before.said}", then "${end.said}"`];
  });
}

/** The end of an attempt is told like this, and by nothing else (operator/workloads/run-status.ts). */
const ended = /^Attempt (\d+) (?:ended: |is suspended\.)/;

/** Who says the same again is told that it is there: what is stored is in words that nobody has used. */
function endIn(exchange: Exchange): readonly End[] {
  const { method, resource, status, body } = exchange;
  if (method !== 'POST' || resource !== 'events' || status !== 201) return [];
  const { involvedObject, reason, message } = JSON.parse(body) as Event;
  const attempt = ended.exec(message)?.[1];
  if (attempt === undefined) return [];
  return [{ root: involvedObject.uid ?? '', attempt: Number(attempt), said: `${reason}: ${message}`, exchange }];
}

/** Nothing that was stored in between tells the end; and its teller has died, or one of his writes was not taken. */
function mayJudgeAnew(before: End, after: End, exchanges: readonly Exchange[], answered: readonly Exchange[]): boolean {
  const between = exchanges.slice(exchanges.indexOf(before.exchange), exchanges.indexOf(after.exchange));
  if (between.some((exchange) => tellsEnd(exchange, before))) return false;
  const isRefused = (one: Exchange): boolean => one.write > 0 && (!isTaken(one) || answered.includes(one));
  return before.exchange.instance !== after.exchange.instance || between.some(isRefused);
}

const isTaken = ({ status }: Exchange): boolean => status >= 200 && status < 300;

interface Stored {
  readonly metadata?: { readonly uid?: string };
  readonly status?: { readonly attempts?: readonly { readonly number: number; readonly endedAt?: string }[] };
}

function tellsEnd(exchange: Exchange, { root, attempt }: End): boolean {
  if (exchange.method !== 'PATCH' || !exchange.resource.endsWith('/status') || !isTaken(exchange)) return false;
  const { metadata, status } = JSON.parse(exchange.body) as Stored;
  const isOver = status?.attempts?.some(({ number, endedAt }) => number === attempt && endedAt !== undefined) === true;
  return metadata?.uid === root && isOver;
}
