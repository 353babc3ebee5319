/**
 * Every alert asks, by the grammar of PromQL, for series that a running operator or store shows, and says what to do, as it
 * is in the runbook. No Prometheus evaluates them here: whether and when an alert fires is not tried.
 */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { reasons } from '../../operator/api/vocabulary.ts';
import { ApiError } from '../../operator/kernel/cluster.ts';
import { callMetrics } from '../../operator/kernel/call-metrics.ts';
import { skewMetrics } from '../../operator/kernel/metrics.ts';
import { storeMetrics } from '../../runtime/store/metrics.ts';
import { led } from '../support/candidates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startRig } from '../support/rig.ts';
import { freshRegistry } from '../support/toy.ts';
import { render, renderWhere } from './helm.ts';
import { selectorsOf } from './promql.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface PrometheusRule {
  readonly kind: string;
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
}

const rulesIn = (text: string): readonly PrometheusRule[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as PrometheusRule | null)
    .filter((object) => object?.kind === 'PrometheusRule') as readonly PrometheusRule[];

let alerts: readonly Alert[] = [];
let runbook = '';

beforeAll(async () => {
  const [rule] = rulesIn(await render('test/charts/values-everything.yaml'));
  alerts = rule?.spec.groups.flatMap(({ rules }) => rules) ?? [];
  runbook = await readFile('docs/runbook.md', 'utf8');
});

type Labels = Readonly<Record<string, string>>;

interface Scraped {
  /** Name of each metric that is shown → the labels of each of its series. */
  readonly samples: ReadonlyMap<string, readonly Labels[]>;
  /** Also those that show nothing before they are first counted. */
  readonly registered: ReadonlySet<string>;
}

/** What a manager shows that leads, and whose lease could not be written once; and a store that works. */
async function scrape(): Promise<Scraped> {
  const [cluster, clock, registry] = [led(), new FakeClock(), freshRegistry()];
  const count = storeMetrics(registry, { volume: '.', notWell: () => Promise.resolve(undefined) });
  count({ operation: 'PutObject', code: '200', seconds: 0 });
  callMetrics(registry);
  skewMetrics(registry, () => 0);
  let fails = true;
  cluster.beforeWrite = () => {
    if (fails) throw new ApiError('unavailable', 'not now');
  };
  const rig = startRig(cluster, clock, { registry, leaderElection: { leaseName: 'operator' } });
  await clock.advance(1000);
  fails = false;
  await clock.advance(5000);
  const samples = new Map<string, Labels[]>();
  for (const line of (await registry.metrics()).split('\n')) {
    const name = /^limbeck_\w+/.exec(line)?.[0];
    if (name === undefined) continue;
    const pairs = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value] as const);
    samples.set(name, [...(samples.get(name) ?? []), Object.fromEntries(pairs)]);
  }
  const registered = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));
  await rig.stop();
  return { samples, registered };
}

/** Labels that a PodMonitor gives to what it scrapes. */
const ofTarget = ['namespace', 'pod'];

describe('alerts', () => {
  test('are the nine that the operator can be in trouble with, and the one of the store', () => {
    expect(alerts.map(({ alert }) => alert)).toEqual([
      'LimbeckNoLeader',
      'LimbeckWatchStale',
      'LimbeckCacheListenerFailed',
      'LimbeckQueueLatencyHigh',
      'LimbeckReconcileFailing',
      'LimbeckObjectsHeld',
      'LimbeckEventLoopBlocked',
      'LimbeckLeaseRenewalLate',
      'LimbeckClockSkew',
      'LimbeckStoreFilling',
    ]);
  });

  test('select, by the grammar of PromQL, only series and labels that are shown', async () => {
    const { samples } = await scrape();
    for (const { alert, expr } of alerts) {
      const selectors = selectorsOf(expr);
      expect({ alert, asked: selectors.length }).not.toEqual({ alert, asked: 0 });
      for (const { metric, matchers, groupedBy } of selectors) {
        // All of them say the namespace of the release, which is the target's.
        expect(matchers[0]).toEqual({ label: 'namespace', operator: '=', value: 'limbeck-system' });
        const series = (samples.get(metric) ?? []).filter((labels) =>
          matchers.slice(1).every(({ label, operator, value }) => operator === '=' && labels[label] === value),
        );
        expect({ alert, metric, isShown: series.length > 0 }).toEqual({ alert, metric, isShown: true });
        // One that it bore itself would be renamed, and the target's taken for it.
        expect(series.flatMap(Object.keys).filter((label) => ofTarget.includes(label))).toEqual([]);
        const shown = new Set([...ofTarget, ...series.flatMap(Object.keys)]);
        expect({ alert, unknown: groupedBy.filter((label) => !shown.has(label)) }).toEqual({ alert, unknown: [] });
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

  test('are not made unless asked for, nor where the cluster does not know the kind', async () => {
    const file = 'test/charts/values-everything.yaml';
    expect(rulesIn(await render())).toEqual([]);
    expect(rulesIn(await renderWhere([], file))).toEqual([]);
    const [rule] = rulesIn(await renderWhere(['monitoring.coreos.com/v1'], file));
    expect(rule?.metadata.labels['release']).toBe('prometheus');
  });
});

test('every metric that the runbook names is registered', async () => {
  const { registered } = await scrape();
  const named = [...new Set(runbook.match(/limbeck_\w+/g))];
  expect(named).toContain('limbeck_queue_depth');
  expect(named.filter((name) => !registered.has(name))).toEqual([]);
});

test('what a job says and a person has to mend is in the runbook of jobs, by its reason', async () => {
  const jobs = await readFile('docs/runbook-jobs.md', 'utf8');
  const entries = jobs.split(/^## /m).slice(1);
  const titles = entries.map((entry) => entry.split('\n')[0] ?? '');
  expect(titles).toEqual(['Contested', 'NameLeaving', 'NameTaken', 'NoPods', 'PodsStuck', 'QueueMissing']);
  expect(titles.filter((title) => !(title in reasons))).toEqual([]);
  for (const entry of entries) expect(entry.match(/^\*\*\w+:\*\*/gm)).toEqual(['**Means:**', '**Look:**', '**Do:**']);
});
