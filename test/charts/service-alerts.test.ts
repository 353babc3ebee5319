/** docs/gateway.md: the metrics of services that it names are shown, and its alerts fire for the service that is concerned, alone. */
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { Heard } from '../../operator/autoscaler/heard.ts';
import { autoscalerMetrics } from '../../operator/autoscaler/metrics.ts';
import { gatewayMetrics } from '../../operator/gateway/metrics.ts';
import { createRegistry } from '../../process/metrics.ts';
import { evaluate, type Series } from './promrules.ts';
import { fileOf, type PrometheusRule } from './rules.ts';

let page = '';
let file = '';
beforeAll(async () => {
  page = await readFile('docs/gateway.md', 'utf8');
  const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => parse(text) as PrometheusRule);
  file = fileOf(examples.filter(({ kind }) => kind === 'PrometheusRule'));
});

/** Name of each metric, with the labels of its own. */
function registered(): ReadonlyMap<string, readonly string[]> {
  const registry = createRegistry('test');
  gatewayMetrics(registry, () => []);
  autoscalerMetrics(registry, new Heard());
  // The library has them, and its types do not.
  const all = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames: readonly string[];
    readonly buckets?: readonly number[];
  }[];
  return new Map(all.map(({ name, labelNames, buckets }) => [name, [...labelNames, ...(buckets ? ['le'] : [])]]));
}

test('the tables have each metric of services, by its labels, and no other', () => {
  const rows = [...page.matchAll(/^\| (`limbeck_.*?) \| (.*?) \|/gm)].flatMap(([, names = '', labels = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, [...labels.matchAll(/`(\w+)`/g)].map(([, l]) => l)]),
  );
  const wanted = [...registered()].filter(([name]) => /^limbeck_(gateway|autoscaler)_/.test(name));
  expect(wanted.length).toBeGreaterThan(8);
  expect(Object.fromEntries(rows as [string, string[]][])).toEqual(Object.fromEntries(wanted));
});

test('the alerts select series and labels that gateways show, as a Prometheus names them', async () => {
  const { selectors } = await evaluate(file, []);
  expect(Object.keys(selectors)).toHaveLength(3);
  for (const { metric, matchers, groupedBy } of Object.values(selectors).flat()) {
    const labels = registered().get(metric.replace(/_bucket$/, '')) ?? [];
    const seen = labels.map((label) => (label === 'namespace' ? 'exported_namespace' : label));
    const asked = [...matchers.map(({ label }) => label), ...groupedBy];
    expect({ metric, unknown: asked.filter((label) => !seen.includes(label)) }).toEqual({ metric, unknown: [] });
  }
});

const times = Array.from({ length: 81 }, (_, minute) => minute * 30);

/** A counter of one gateway that grows by so much a second. */
const growing = (name: string, labels: object, perSecond: number): Series => ({
  labels: { __name__: name, namespace: 'limbeck-system', pod: 'gateway-0', exported_namespace: 'team-a', ...labels },
  samples: times.map((at) => ({ at, value: at * perSecond })),
});

const answers = (service: string, code: string, perSecond: number): Series =>
  growing('limbeck_gateway_requests_total', { service, code }, perSecond);

test('the alerts fire for the service that is concerned, alone', async () => {
  const seconds = (service: string, le: string, perSecond: number): Series =>
    growing('limbeck_gateway_request_seconds_bucket', { service, le }, perSecond);
  const series = [
    ...['good', 'failing', 'full', 'slow'].map((service) => answers(service, '200', 10)),
    ...[answers('good', '503', 0.05), answers('failing', '503', 0.5), answers('full', '429', 0.1)],
    // What named no service is nobody's failure.
    growing('limbeck_gateway_requests_total', { exported_namespace: '', service: '', code: '503' }, 9),
    ...[seconds('good', '1', 9.95), seconds('good', '5', 10), seconds('good', '+Inf', 10)],
    ...[seconds('slow', '1', 9), seconds('slow', '5', 10), seconds('slow', '+Inf', 10)],
  ];
  const { stories } = await evaluate(file, [{ series, evaluations: times }]);
  const fired = new Set(stories[0]?.map(({ labels }) => `${labels['alertname'] ?? ''} ${labels['service'] ?? ''}`));
  expect([...fired].sort()).toEqual(['ModelFails failing', 'ModelQueueFull full', 'ModelSlow slow']);
});
