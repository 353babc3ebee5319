/** Prometheus itself evaluates the alerts of the chart over the stories of alert-stories.yaml: each fires when it must, and only then. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { render } from './helm.ts';
import { evaluate, type Firing } from './promrules.ts';
import { alertsOf, fileOf, rulesIn, type Alert } from './rules.ts';
import { shown } from './shown.ts';
import { complaints, labelsIn, samplings, seen, type Case } from './stories.ts';

const page = 'test/charts/alert-stories.yaml';
const { none, ...byAlert } = parse(readFileSync(page, 'utf8')) as Readonly<Record<string, readonly Case[]>>;

const healthy: readonly Case[] = (none ?? []).map((one) => ({ ...one, fires: 'never' }));
const cases = [
  ...healthy.map((one) => ({ alert: undefined, one })),
  ...Object.entries(byAlert).flatMap(([alert, told]) => told.map((one) => ({ alert, one }))),
].map((one, number) => ({ ...one, number, title: `${one.alert ?? 'none'}: ${one.one.story}` }));

let alerts: readonly Alert[] = [];
/** What fired in each case, sampling by sampling. */
let fired: readonly (readonly (readonly Firing[])[])[] = [];

beforeAll(async () => {
  const rules = rulesIn(await render('test/charts/values-everything.yaml', 'operator.replicas=2'));
  alerts = alertsOf(rules);
  const told = cases.flatMap(({ one }) => samplings.map((sampling) => seen(one, sampling)));
  const { stories } = await evaluate(fileOf(rules), told);
  fired = cases.map((_, index) => stories.slice(index * samplings.length, (index + 1) * samplings.length));
});

const isTold = (alert: string, does: (one: Case) => boolean): boolean => byAlert[alert]?.some(does) === true;

/** Sentences; empty when everything that is there is told of, and nothing else. */
const untold = (names: readonly string[]): readonly string[] => [
  ...names
    .filter((name) => !isTold(name, ({ fires }) => fires !== 'never'))
    .map((name) => `${name} has no story in which it fires: tell one in ${page}`),
  ...names
    .filter((name) => !isTold(name, ({ fires }) => fires === 'never'))
    .map((name) => `${name} has no story in which it must not fire (fires: never): tell one in ${page}`),
  ...Object.keys(byAlert)
    .filter((name) => !names.includes(name))
    .map((name) => `${page} tells of ${name}, and the chart has no such alert`),
];

describe('the stories', () => {
  test('tell of each alert how it fires and how it does not', () => {
    expect(untold(alerts.map(({ alert }) => alert))).toEqual([]);
    expect(untold(['LimbeckNew']).slice(0, 2).join('\n')).toMatch(
      /^LimbeckNew has .*fires: .*\nLimbeckNew has .*not fire/,
    );
  });

  test('are of series that a running operator shows', async () => {
    const { samples } = await shown();
    const shapes = new Set<string>();
    for (const [name, all] of samples)
      for (const labels of all) shapes.add([name, ...Object.keys(labels).sort()].join());
    const unknown = cases
      .flatMap(({ one }) => Object.keys(one.series))
      .filter((text) => {
        const { __name__: name = '', ...labels } = labelsIn(text);
        // What a target adds, and what every process of ours says of itself.
        const shape = Object.keys({ component: '', ...labels }).filter(
          (label) => !['namespace', 'pod'].includes(label),
        );
        return !shapes.has([name, ...shape.sort()].join());
      });
    expect(unknown).toEqual([]);
  });

  test.each(cases)('$title', ({ number, alert, one }) => {
    const wrong = samplings.flatMap((sampling, index) => {
      const all = fired[number]?.[index] ?? [];
      const mine = all.filter(({ labels }) => alert === undefined || labels['alertname'] === alert);
      const { evaluations } = seen(one, sampling);
      return complaints(one, mine, evaluations).map(
        (sentence) => `scraped every ${String(sampling.scrape)} s: ${sentence}`,
      );
    });
    expect(wrong).toEqual([]);
  });
});

/** Names of labels that a template uses. */
const used = (template: string): readonly string[] =>
  [...template.matchAll(/(?:\$labels|\.Labels)\.(\w+)/g)].map(([, name = '']) => name);

test('what an alert says names labels that it has, and comes out as text', () => {
  const all = fired.flat(2);
  for (const { alert, annotations } of alerts) {
    const mine = all.filter(({ labels }) => labels['alertname'] === alert);
    const missing = mine.flatMap(({ labels }) => used(JSON.stringify(annotations)).filter((name) => !labels[name]));
    expect({ alert, missing }).toEqual({ alert, missing: [] });
    const odd = mine
      .flatMap((one) => Object.values(one.annotations))
      .filter((text) => /\{\{|<error|<no value>/.test(text));
    expect({ alert, odd }).toEqual({ alert, odd: [] });
  }
});
