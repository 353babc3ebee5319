/**
 * What the operator told people: its Events in the API server. A disturbed run must have told what the one without faults
 * told, as far as its last status implies it; that it told more, such as of a quota, is no fault, but for ends of attempts,
 * each of which is told once (ends.ts).
 */
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { eventsResource } from '../../operator/kernel/recorder.ts';
import { stateOf } from './end-state.ts';
import type { Outcome } from './outcome.ts';
import type { Exchange } from './trace.ts';

/** One event: whom it is about, by its UID, and what it says, without all that differs from run to run. */
export interface Told {
  readonly about: string;
  readonly reason: string;
  readonly text: string;
}

export interface Event extends KubeObject {
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid?: string };
  readonly reportingComponent?: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

const never = new AbortController().signal;

/** Of the operator alone; others tell of Jobs and pods. */
const isOurs = ({ reportingComponent }: Event): boolean => reportingComponent?.startsWith('limbeck.dev/') === true;

export async function eventsIn(cluster: Cluster, namespace: string): Promise<readonly Told[]> {
  const { items } = await cluster.list(eventsResource, { namespace }, never);
  return (items as readonly Event[]).filter(isOurs).map((event) => toldBy(event, namespace));
}

/** Behind the index of a worker its pod carries five letters of chance. */
const chance = /(-a\d+-\d+)-\w{5}\b/g;
/** And behind the name of a service that of a replica carries a hash, which tells the UIDs of two services apart, and as many. */
const replica = /(\bpod \S+)-[bcdfghjklmnpqrstvwxz2456789]{1,10}-\w{5}: /g;

export function toldBy({ involvedObject, type, reason, message }: Event, namespace: string): Told {
  const { kind, name, uid = '' } = involvedObject;
  const told = `${type} ${reason} of ${kind}/${name}: ${message.replaceAll(chance, '$1').replaceAll(replica, '$1: ')}`;
  const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: '' }, told };
  const [masked = '{}'] = stateOf([event], namespace);
  return { about: uid, reason, text: (JSON.parse(masked) as { told: string }).told };
}

/** Those whose every POST the plan answered in the place of the API server. */
export const keptFrom = (exchanges: readonly Exchange[], namespace: string): readonly Told[] =>
  exchanges
    .filter(({ method, resource, status }) => method === 'POST' && resource === 'events' && status === 0)
    .map(({ body }) => toldBy(JSON.parse(body) as Event, namespace));

/**
 * Told from what a Deployment asks for, which is written before: who dies between the two says nothing, and no status keeps
 * an account of it. How often, and between which numbers, hangs upon which of them were seen.
 */
const scaled = 'Scaled';

/** What a run without faults told, and this one has not, though its last status implies it. */
export function unsaid(reference: Outcome, outcome: Outcome): readonly string[] {
  const told = new Set(outcome.events.filter(({ about }) => about === (whomOf(outcome) ?? about)).map(textOf));
  const lost = new Set(lostIn(outcome).map(textOf));
  const promised = isExcused(outcome) ? [] : reference.events.filter(({ reason }) => reason !== scaled).map(textOf);
  const isTold = (text: string): boolean => told.has(text) || [...told].some((other) => isEndOf(text, other));
  return [...promised.filter((text) => !isTold(text) && !lost.has(text)), ...unsaidOfScale(reference, outcome)];
}

/** One at least, where the one without faults told some and nobody died. */
function unsaidOfScale(reference: Outcome, outcome: Outcome): readonly string[] {
  const { befell, events, replaced = 0 } = outcome;
  if (isExcused(outcome) || replaced > 0 || befell.some(({ kind }) => kind === 'absence')) return [];
  const isScale = ({ reason }: Told): boolean => reason === scaled;
  const told = events.filter(({ about }) => about === (whomOf(outcome) ?? about));
  const known = [...told, ...lostIn(outcome)];
  if (!reference.events.some(isScale) || known.some(isScale)) return [];
  return [`${scaled}, in whatever words: ${reference.events.filter(isScale).map(textOf).join('; ')}`];
}

/** Who comes so late that an attempt has begun and ended tells its end alone. */
function isEndOf(start: string, end: string): boolean {
  const attempt = /^Normal AttemptStarting of (\S+ Attempt \d+) starts/.exec(start)?.[1];
  return attempt !== undefined && end.includes(` of ${attempt} ended: `);
}

const textOf = ({ text }: Told): string => text;

const isDeleted = ({ befell }: Outcome): boolean =>
  befell.some(({ kind }) => kind === 'delete' || kind === 'terminate');

/** Who came after a deletion has a life of its own; of all others there is one object. */
const whomOf = (outcome: Outcome): string | undefined => (isDeleted(outcome) ? outcome.heir : undefined);

/**
 * What is deleted half-way leaves no status; who began half-way has not lived through all of it. And the operator of before
 * an upgrade told events after the status: a change of releases between the two leaves them unsaid.
 */
const isExcused = (outcome: Outcome): boolean =>
  (isDeleted(outcome) && outcome.heir === undefined) || outcome.befell.some(({ kind }) => kind === 'release');

/**
 * An event that is forbidden is not said again, and holds nothing up. Nor is one of which the API server says that it is
 * there: names tell what is said. Being told to come later is no reason to be silent, unless it is told so again: the status
 * waits for the second offer, and no longer (ADR 23).
 */
function lostIn({ befell, unheard }: Outcome): readonly Told[] {
  const isAnswered = (isSo: (status: number) => boolean): boolean =>
    befell.some((fault) => fault.kind === 'answer' && !fault.committed && isSo(fault.status));
  if (isAnswered((status) => status !== 429)) return unheard;
  const offers = (told: Told): number => unheard.filter(({ text }) => text === told.text).length;
  return isAnswered((status) => status === 429) ? unheard.filter((told) => offers(told) > 1) : [];
}
