/** PodMonitors find every pod of ours that shows metrics, by the port on which it shows them, and no other pod. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { labels as ours } from '../../operator/api/names.ts';
import { objects, render, renderWhere, type Manifest } from './helm.ts';

interface PodMonitor {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly spec: {
    readonly namespaceSelector: object;
    readonly selector: { readonly matchLabels?: Labels; readonly matchExpressions?: readonly Expression[] };
    readonly podTargetLabels?: readonly string[];
    readonly podMetricsEndpoints: readonly { readonly port: string; readonly path: string }[];
  };
}
type Labels = Readonly<Record<string, string>>;
type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] };
type Pod = { readonly name: string; readonly labels: Labels; readonly ports: readonly string[] };

const monitorsIn = (text: string): readonly PodMonitor[] =>
  objects(text).filter(({ kind }) => kind === 'PodMonitor') as unknown as readonly PodMonitor[];

function fulfils(labels: Labels, { key, operator, values = [] }: Expression): boolean {
  if (operator === 'Exists') return labels[key] !== undefined;
  if (operator === 'In') return values.includes(labels[key] ?? '');
  throw new Error(`operator ${operator} is not understood here`);
}

const selects = ({ spec: { selector } }: PodMonitor, labels: Labels): boolean =>
  Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector.matchExpressions ?? []).every((expression) => fulfils(labels, expression));

const podsIn = (all: readonly Manifest[]): readonly Pod[] =>
  all
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
    .map(({ metadata, spec }) => {
      const containers = spec.template.spec.containers as readonly { readonly ports?: readonly { name: string }[] }[];
      const ports = containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name));
      return { name: metadata.name, labels: spec.template.metadata.labels, ports };
    });

/** Everything that the chart makes, and everything that the operator makes of the examples. */
async function allPods(): Promise<readonly Pod[]> {
  const examples = ['teacher', 'student', 'service'].map((name) =>
    readFile(`test/golden/examples/digits-${name}.yaml`, 'utf8'),
  );
  return [chart, ...(await Promise.all(examples))].flatMap((text) => podsIn(objects(text)));
}

let chart = '';
let monitors: readonly PodMonitor[] = [];
beforeAll(async () => {
  chart = await render('test/charts/values-everything.yaml');
  monitors = monitorsIn(chart);
});

describe('PodMonitors', () => {
  test('select operator, gateway, store, model servers and workers, each by a port that it has', async () => {
    const pods = await allPods();
    expect(pods.length).toBe(6);
    const scraped = pods.flatMap(({ name, labels, ports }) =>
      monitors
        .filter((monitor) => selects(monitor, labels))
        .flatMap(({ spec }) => spec.podMetricsEndpoints)
        .map(({ port, path }) => `${name} ${ports.includes(port) ? port : 'none'}${path}`),
    );
    expect(scraped.map((line) => line.replace(/-[0-9a-f]{5}-a1/, ''))).toEqual([
      'limbeck-gateway admin/metrics',
      'limbeck-operator admin/metrics',
      'limbeck-store admin/metrics',
      'digits-teacher progress/metrics',
      'digits-student progress/metrics',
      'digits http/metrics',
    ]);
  });

  test('give series the name and kind of what a pod is of, its attempt and its number, all from labels of the pod', async () => {
    const told = (await allPods()).flatMap(({ labels: made }) => {
      // The Job controller adds this one.
      const labels: Labels = { ...made, ...(ours.attempt in made && { [ours.completionIndex]: '0' }) };
      return monitors
        .filter((monitor) => selects(monitor, labels))
        .map(({ spec: { podTargetLabels = [] } }) =>
          Object.fromEntries(podTargetLabels.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]]))),
        );
    });
    const worker = { 'limbeck.dev/attempt': '1', 'batch.kubernetes.io/job-completion-index': '0' };
    expect(told).toEqual([
      {},
      {},
      {},
      { 'limbeck.dev/training-job': 'digits-teacher', ...worker },
      { 'limbeck.dev/distillation-job': 'digits-student', ...worker },
      { 'limbeck.dev/model-service': 'digits' },
    ]);
  });

  test('look for servers and workers wherever they may be made: in all namespaces, or in the only one', async () => {
    const [own, any] = [{ matchNames: ['limbeck-system'] }, { any: true }];
    expect(monitors.map(({ spec }) => spec.namespaceSelector)).toEqual([own, any, any]);
    const file = 'test/charts/values-namespaced.yaml';
    const namespaced = monitorsIn(await render(file, 'podMonitors.enabled=true'));
    expect(namespaced.map(({ spec }) => spec.namespaceSelector)).toEqual([own, own, own]);
  });

  test('bear the labels by which a Prometheus finds them, and are not made unless asked for and known', async () => {
    expect(monitors.map(({ metadata }) => metadata.labels['release'])).toEqual(Array(3).fill('prometheus'));
    expect(monitorsIn(await render())).toEqual([]);
    expect(monitorsIn(await renderWhere([], 'test/charts/values-everything.yaml'))).toEqual([]);
  });
});
