/** Stories of alerts: what is the case from when on, how a Prometheus comes to see it, and whether that fires which must. */
import type { Firing, Labels, Sample, Series, Story } from './promrules.ts';

/** Values from a time on, such as `{ 0s: 1, 5m: gone }`. */
type Course = Readonly<Record<string, number | 'gone'>>;

type Times = readonly [earliest: string, latest: string];

export interface Expected {
  /** The first evaluation that fires is one of these times; so is the last one. Without `ends`: it does until the story ends. */
  readonly begins: Times;
  readonly ends?: Times;
  /** Besides the namespace, the name of the alert and its severity. */
  readonly labels: Labels;
}

export interface Case {
  readonly story: string;
  readonly lasts: string;
  /** By series, such as `limbeck_leader{pod="a"}`, without the other labels that a target has. */
  readonly series: Readonly<Record<string, Course>>;
  readonly fires: 'never' | readonly Expected[];
}

/** How often a Prometheus looks, in seconds. What must fire, and must not, does so however it is configured. */
export interface Sampling {
  readonly scrape: number;
  readonly evaluate: number;
}

export const samplings: readonly Sampling[] = [
  { scrape: 30, evaluate: 30 },
  { scrape: 60, evaluate: 60 },
  { scrape: 60, evaluate: 15 },
];

export function secondsOf(text: string): number {
  const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  if (text === '' || !/^\d/.test(text) || !/[ms]$/.test(text))
    throw new Error(`'${text}' is no time such as 5m or 1m30s`);
  return Number(minutes) * 60 + Number(seconds);
}

const textOf = (seconds: number): string => `${String(Math.floor(seconds / 60))}m${String(seconds % 60)}s`;

/** The name of a series among its labels, as Prometheus has it. */
export function labelsIn(series: string): Labels {
  const [, name, inner = ''] = /^(\w+)\{(.*)\}$/.exec(series) ?? [];
  if (name === undefined) throw new Error(`'${series}' is no series such as limbeck_leader{pod="a"}`);
  const pairs = [...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value] as const);
  return { __name__: name, ...Object.fromEntries(pairs) };
}

/** What a PodMonitor says of a pod of the operator. */
const targetOf = (pod: string): Labels => ({
  ...{ namespace: 'limbeck-system', pod, instance: `${pod}:8081` },
  ...{ job: 'limbeck-system/limbeck', container: 'operator', endpoint: 'admin', component: 'operator' },
});

function valueAt(course: Course, at: number): number | 'gone' {
  const past = Object.entries(course).filter(([from]) => secondsOf(from) <= at);
  return past.at(-1)?.[1] ?? 'gone';
}

function* samplesOf(course: Course, times: readonly number[]): Generator<Sample> {
  let wasThere = false;
  for (const at of times) {
    const value = valueAt(course, at);
    if (value !== 'gone') yield { at, value };
    else if (wasThere) yield { at };
    wasThere = value !== 'gone';
  }
}

const timesOf = (every: number, first: number, lasts: number): readonly number[] =>
  Array.from({ length: Math.floor((lasts - first) / every) + 1 }, (_, index) => first + index * every);

/** A story as one Prometheus sees it: each pod is scraped at its own moment. */
export function seen({ series, lasts }: Case, { scrape, evaluate }: Sampling): Story {
  const all = Object.entries(series).map(([text, course]) => ({ labels: labelsIn(text), course }));
  const pods = [...new Set(all.map(({ labels }) => labels['pod'] ?? ''))];
  const until = secondsOf(lasts);
  const seriesOf = ({ labels, course }: (typeof all)[number]): Series => {
    const pod = labels['pod'] ?? '';
    const first = Math.round(scrape * ((0.13 + 0.37 * pods.indexOf(pod)) % 1));
    return { labels: { ...targetOf(pod), ...labels }, samples: [...samplesOf(course, timesOf(scrape, first, until))] };
  };
  return { series: all.map(seriesOf), evaluations: timesOf(evaluate, 0, until) };
}

interface Span {
  readonly begins: number;
  readonly ends: number;
}

const keyOf = (labels: Labels): string =>
  Object.entries(labels)
    .filter(([label]) => !['alertname', 'severity'].includes(label))
    .map(([label, value]) => `${label}=${value}`)
    .sort()
    .join(' ');

const wholeKeyOf = (expected: Labels): string => keyOf({ namespace: 'limbeck-system', ...expected });

/** By labels, from when until when it fired without a break. */
function spansOf(firings: readonly Firing[], evaluations: readonly number[]): ReadonlyMap<string, readonly Span[]> {
  const spans = new Map<string, Span[]>();
  for (const { at, labels } of firings) {
    const mine = spans.get(keyOf(labels)) ?? [];
    const last = mine.at(-1);
    const before = evaluations[evaluations.indexOf(at) - 1];
    if (last !== undefined && last.ends === before) mine[mine.length - 1] = { ...last, ends: at };
    else mine.push({ begins: at, ends: at });
    spans.set(keyOf(labels), mine);
  }
  return spans;
}

const isIn = ([earliest, latest]: Times, at: number): boolean => secondsOf(earliest) <= at && at <= secondsOf(latest);

function isAs({ begins, ends }: Expected, span: Span, evaluations: readonly number[]): boolean {
  const endsWell = ends === undefined ? span.ends === evaluations.at(-1) : isIn(ends, span.ends);
  return isIn(begins, span.begins) && endsWell;
}

/** A sentence for everything that fired and must not, or did not and must. */
export function complaints(
  { fires }: Case,
  firings: readonly Firing[],
  evaluations: readonly number[],
): readonly string[] {
  const open = fires === 'never' ? [] : [...fires];
  const wrong: string[] = [];
  for (const [key, spans] of spansOf(firings, evaluations))
    for (const span of spans) {
      const index = open.findIndex((one) => wholeKeyOf(one.labels) === key && isAs(one, span, evaluations));
      if (index < 0) wrong.push(`fires from ${textOf(span.begins)} to ${textOf(span.ends)} with ${key}, and must not`);
      else open.splice(index, 1);
    }
  const missed = open.map(({ begins, ends, labels }) => {
    const until = ends === undefined ? 'to the end' : `to ${ends.join('..')}`;
    return `does not fire from ${begins.join('..')} ${until} with ${wholeKeyOf(labels)}, and must`;
  });
  return [...wrong, ...missed];
}
