/** docs/gateway.md: what others put before the gateway names what the chart makes, and leads to a service. */
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { parseConfig } from '../../operator/gateway/config.ts';
import { targetOf } from '../../operator/gateway/target.ts';
import { objects, render } from './helm.ts';

interface Port {
  readonly name?: string;
  readonly port?: number;
}

interface Door {
  readonly kind: string;
  readonly metadata: { readonly namespace: string };
  readonly spec: {
    readonly rules: readonly {
      readonly http?: {
        readonly paths: readonly { path: string; backend: { service: { name: string; port: Port } } }[];
      };
      readonly matches?: readonly { path: { value: string } }[];
      readonly backendRefs?: readonly { name: string; port: number }[];
    }[];
  };
}

interface Made {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: { readonly ports: readonly Port[] };
}

let page = '';
let doors: readonly Door[] = [];
beforeAll(async () => {
  page = await readFile('docs/gateway.md', 'utf8');
  const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => parse(text) as Door);
  doors = examples.filter(({ kind }) => kind !== 'PrometheusRule');
});

const waysOf = ({ spec }: Door): readonly { path: string; name: string; port: Port }[] =>
  spec.rules.flatMap(({ http, matches = [], backendRefs = [] }) => [
    ...(http?.paths ?? []).map(({ path, backend: { service } }) => ({ path, ...service })),
    ...matches.flatMap(({ path }) => backendRefs.map(({ name, port }) => ({ path: path.value, name, port: { port } }))),
  ]);

test('every example leads to a port of a Service that the chart makes, and by its path to a service', async () => {
  const made = objects(await render()) as unknown as readonly Made[];
  expect(doors.map(({ kind }) => kind)).toEqual(['Ingress', 'HTTPRoute']);
  for (const door of doors) {
    const ways = waysOf(door);
    expect(ways).toHaveLength(1);
    for (const { path, name, port } of ways) {
      const target = made.find(({ kind, metadata }) => kind === 'Service' && metadata.name === name);
      expect(target?.metadata.namespace).toBe(door.metadata.namespace);
      expect(target?.spec.ports).toEqual([expect.objectContaining(port)]);
      expect(targetOf('models.example.com', `${path}digits/v2/models/digits/infer`, undefined)).toEqual({
        key: 'team-a/digits',
        path: '/v2/models/digits/infer',
      });
    }
  }
});

test('what the page says of sizes and times is what a gateway does unasked', async () => {
  const config = parseConfig({});
  if (!config.ok) throw new Error(config.violations.join());
  const { maxBodyBytes, answerSeconds } = config.value;
  const crd = await readFile('crds/modelservices.yaml', 'utf8');
  const [, cold = ''] = /maxColdStartSeconds:\n(?: +\w+:.*\n)*? +default: (\d+)/.exec(crd) ?? [];
  expect(page).toContain(`proxy-body-size: ${String(maxBodyBytes / 2 ** 20)}m`);
  expect(page).toContain(
    `\`scaling.maxColdStartSeconds\` (${cold}) and \`gateway.answerSeconds\` (${String(answerSeconds)})`,
  );
  const both = String(Number(cold) + answerSeconds);
  for (const setting of [`proxy-read-timeout: '${both}'`, `timeout_seconds=${both}`, `timeoutSec: ${both}`])
    expect(page).toContain(setting);
});
