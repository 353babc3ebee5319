/** The pod of a gateway: what it is told, by its own reading of its environment. */
import { describe, expect, test } from '@jest/globals';
import { parseConfig, type Config } from '../../operator/gateway/config.ts';
import { objects, renderValues } from './helm.ts';

interface Spread {
  readonly labelSelector: { readonly matchLabels: object };
  readonly matchLabelKeys: readonly string[];
}

interface Pod {
  readonly metadata: { readonly labels: object };
  readonly spec: {
    readonly containers: readonly [{ readonly env: readonly { readonly name: string; readonly value?: string }[] }];
    readonly topologySpreadConstraints?: readonly [Spread];
  };
}

async function podOf(gateway: object): Promise<Pod> {
  const made = objects(await renderValues({ gateway }));
  const workload = made.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'limbeck-gateway');
  return workload?.spec.template as unknown as Pod;
}

async function configOf(gateway: object): Promise<Config> {
  const [container] = (await podOf(gateway)).spec.containers;
  const read = parseConfig(Object.fromEntries(container.env.map(({ name, value }) => [name, value])));
  if (!read.ok) throw new Error(read.violations.join());
  return read.value;
}

const limited = (memory: string | number | null): object => ({ resources: { limits: { memory } } });
const mebi = 2 ** 20;

describe('a gateway', () => {
  test.each([
    ['160Mi', 160],
    ['256Mi', 256],
    [536_870_912, 512],
    ['0.5Gi', 512],
    ['2G', 2e9 / mebi],
    ['2e9', 2e9 / mebi],
  ])('of %s has room for all that it may hold, and for objects', async (memory, limitMebi) => {
    const { bodyMemoryBytes } = await configOf(limited(memory));
    const [bodies, objectsOfNode, atRest] = [(1.5 * bodyMemoryBytes) / mebi, limitMebi / 2, 42];
    expect(bodies + objectsOfNode + atRest).toBeLessThan(limitMebi);
    expect(bodies).toBeGreaterThan(limitMebi / 12);
  });

  test('holds as much as it does unasked where it has the usual memory, or no limit', async () => {
    const { bodyMemoryBytes } = await configOf({});
    expect(bodyMemoryBytes).toBe(128 * mebi);
    expect((await configOf(limited(null))).bodyMemoryBytes).toBe(bodyMemoryBytes);
  });

  test.each(['159Mi', '128Mi', '1k', 1000])('of %s is refused', async (memory) => {
    await expect(configOf(limited(memory))).rejects.toThrow('gateway.resources.limits.memory must be 160Mi or more');
  });

  test('is on another node than others of its release, where there is one', async () => {
    const { metadata, spec } = await podOf({});
    const [spread] = spec.topologySpreadConstraints ?? [];
    expect(spread).toMatchObject({ topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' });
    expect(metadata.labels).toMatchObject(spread?.labelSelector.matchLabels ?? { spread: 'by labels' });
    // The second is the Deployment's own.
    expect(spread?.matchLabelKeys).toEqual(['app.kubernetes.io/instance', 'pod-template-hash']);
    expect(metadata.labels).toHaveProperty(['app.kubernetes.io/instance']);
  });

  test.each([[[{ topologyKey: 'topology.kubernetes.io/zone' }]], [[]]])('is where %j says', async (constraints) => {
    const { spec } = await podOf({ topologySpreadConstraints: constraints });
    expect(spec.topologySpreadConstraints ?? []).toEqual(constraints);
  });

  test('is told how long an answer may be silent, and of which requests to write', async () => {
    expect(await configOf({})).toMatchObject({ answerSeconds: 300, accessLogSample: 0.01 });
    // As they are after an upgrade with the values of a release that did not have them.
    const before = { answerSeconds: null, accessLogSample: null };
    expect(await configOf(before)).toEqual(await configOf({}));
    const told = { answerSeconds: 86_400, accessLogSample: 1e-7 };
    expect(await configOf(told)).toMatchObject(told);
    for (const wrong of [{ answerSeconds: 0 }, { answerSeconds: 86_401 }, { accessLogSample: 1.1 }])
      await expect(configOf(wrong)).rejects.toThrow("values don't meet the specifications");
  });
});
