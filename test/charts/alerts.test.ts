/** Every alert asks for series that a running operator or store shows, and says what to do, as it is in the runbook. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { reasons } from '../../operator/api/vocabulary.ts';
import { render, renderWhere } from './helm.ts';
import { evaluate, type Matcher } from './promrules.ts';
import { alertsOf, fileOf, rulesIn, type Alert } from './rules.ts';
import { shown } from './shown.ts';

let file = '';
let alerts: readonly Alert[] = [];
let runbook = '';

beforeAll(async () => {
  const rules = rulesIn(await render('test/charts/values-everything.yaml'));
  [alerts, file] = [alertsOf(rules), fileOf(rules)];
  runbook = await readFile('docs/runbook.md', 'utf8');
});

/** Labels that a PodMonitor gives to what it scrapes. */
const ofTarget = ['namespace', 'pod'];

function matches({ operator, value }: Matcher, shownValue: string): boolean {
  if (operator === '=') return shownValue === value;
  return operator === '=~' && new RegExp(`^(?:${value})$`).test(shownValue);
}

describe('alerts', () => {
  test('select only series and labels that a running operator or store shows', async () => {
    const [{ samples }, { selectors }] = await Promise.all([shown(), evaluate(file, [])]);
    expect(Object.keys(selectors).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    for (const [alert, selected] of Object.entries(selectors)) {
      expect({ alert, asked: selected.length }).not.toEqual({ alert, asked: 0 });
      for (const { metric, matchers, groupedBy } of selected) {
        // All of them say the namespace of the release, which is the target's.
        expect(matchers[0]).toEqual({ label: 'namespace', operator: '=', value: 'limbeck-system' });
        const series = (samples.get(metric) ?? []).filter((labels) =>
          matchers.slice(1).every((matcher) => matches(matcher, labels[matcher.label] ?? '')),
        );
        expect({ alert, metric, isShown: series.length > 0 }).toEqual({ alert, metric, isShown: true });
        // One that it bore itself would be renamed, and the target's taken for it.
        expect(series.flatMap(Object.keys).filter((label) => ofTarget.includes(label))).toEqual([]);
        const known = new Set([...ofTarget, ...series.flatMap(Object.keys)]);
        expect({ alert, unknown: groupedBy.filter((label) => !known.has(label)) }).toEqual({ alert, unknown: [] });
      }
    }
  });

  test('have an entry each in the runbook, and the runbook has no other', () => {
    const entries = runbook.split(/^## /m).slice(1);
    const titles = entries.map((entry) => entry.split('\n')[0] ?? '');
    expect(titles).toEqual(alerts.map(({ alert }) => alert));
    for (const entry of entries) expect(entry.match(/^\*\*\w+:\*\*/gm)).toEqual(['**Means:**', '**Look:**', '**Do:**']);
    for (const { alert, annotations } of alerts)
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
  });

  test('link to their entry where somebody says at which address it is read', async () => {
    const url = 'https://git.example.com/limbeck/docs/runbook.md';
    const linked = alertsOf(rulesIn(await render(undefined, 'alerts.enabled=true', `alerts.runbookUrl=${url}`)));
    expect(linked.map(({ annotations }) => annotations.runbook_url)).toEqual(
      linked.map(({ alert }) => `${url}#${alert.toLowerCase()}`),
    );
    expect(alerts.flatMap(({ annotations }) => annotations.runbook_url ?? [])).toEqual([]);
  });

  test('are not made unless asked for, nor where the cluster does not know the kind', async () => {
    const everything = 'test/charts/values-everything.yaml';
    expect(rulesIn(await render())).toEqual([]);
    expect(rulesIn(await renderWhere([], everything))).toEqual([]);
    const [rule] = rulesIn(await renderWhere(['monitoring.coreos.com/v1'], everything));
    expect(rule?.metadata.labels['release']).toBe('prometheus');
  });

  test('of what there is not are not made: a standby of a single operator, a store that is somewhere else', async () => {
    const names = async (...settings: readonly string[]): Promise<readonly string[]> =>
      alertsOf(rulesIn(await render('test/charts/values-external-store.yaml', 'alerts.enabled=true', ...settings))).map(
        ({ alert }) => alert,
      );
    const gone = (left: readonly string[]): readonly string[] =>
      alerts.map(({ alert }) => alert).filter((alert) => !left.includes(alert));
    expect(gone(await names())).toEqual(['LimbeckStoreDown', 'LimbeckStoreFilling']);
    expect(gone(await names('operator.replicas=1'))).toContain('LimbeckStandbyMissing');
  });
});

test('every metric that the runbook names is registered, with the labels that it names', async () => {
  const { registered } = await shown();
  const named = [...runbook.matchAll(/(limbeck_\w+)(?:\{(.*?)\})?/g)].flatMap(([, name = '', inner = '']) => [
    name,
    ...[...inner.matchAll(/(\w+)=/g)].map(([, label = '']) => `${name} ${label}`),
  ]);
  expect(named).toEqual(expect.arrayContaining(['limbeck_queue_depth', 'limbeck_api_requests_total verb']));
  const known = [...registered].flatMap(([name, labels]) => [name, ...labels.map((label) => `${name} ${label}`)]);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test('what a job says and a person has to mend is in the runbook of jobs, by its reason', async () => {
  const jobs = await readFile('docs/runbook-jobs.md', 'utf8');
  const entries = jobs.split(/^## /m).slice(1);
  const titles = entries.map((entry) => entry.split('\n')[0] ?? '');
  const onCluster = ['NoPods', 'PodsStuck', 'QueueMissing', 'WorkerUnreachable'];
  expect(titles).toEqual(['Contested', 'ImagePull', 'NameLeaving', 'NameTaken', 'NoNodeFits', ...onCluster]);
  expect(titles.filter((title) => !(title in reasons))).toEqual([]);
  for (const entry of entries) expect(entry.match(/^\*\*\w+:\*\*/gm)).toEqual(['**Means:**', '**Look:**', '**Do:**']);
});
