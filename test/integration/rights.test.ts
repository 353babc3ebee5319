/** Operator and gateway with exactly the chart's rights on a real API server: none is missing, none unused, and no secret gets out. */
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { live, meetStrangers } from '../support/all-kinds.ts';
import { install, start, stop, type Cleanups, type Component, type Release } from '../support/chart-release.ts';
import { eventually } from '../support/eventually.ts';
import { serveGroups } from '../support/gangs.ts';
import { kubectl } from '../support/kubectl.ts';
import type { Seen } from '../support/recording-proxy.ts';
import { rightsGiven } from '../charts/helm.ts';

const canary = `canary-${randomUUID()}`;

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 60_000);

/** What a component asks until it is ready, of an API server that lists in pages alone. */
async function startInPages(component: Component, release: Release): Promise<readonly Seen[]> {
  const { child, seen, admin } = await start(component, { streams: false }, release, cleanups);
  await eventually(`${component} is ready`, async () => (await fetch(`${admin}/readyz`)).ok);
  await stop(child);
  return seen;
}

test.each([
  [false, 'scheduling.x-k8s.io', 'v1alpha1'],
  [true, 'scheduling.volcano.sh', 'v1beta1'],
] as const)(
  'every right is used and none is missing, namespaced: %s, gangs by %s',
  async (namespaced, gangGroup, version) => {
    cleanups.push(await serveGroups(gangGroup, version));
    const release = await install(namespaced, canary, cleanups);
    const streams = { streams: true };
    const operator = await start('operator', streams, release, cleanups);
    const gateway = await start('gateway', streams, release, cleanups);
    // What an earlier test has left is still being removed, and nothing can be made there, whatever one's rights. In one namespace
    // nobody has any business elsewhere.
    const isElsewhere = (path: string): boolean =>
      !namespaced && path.includes('/namespaces/') && !path.includes(`/namespaces/${release.namespace}/`);
    const refused = (): readonly string[] =>
      [...operator.seen, ...gateway.seen]
        .filter(({ status, path }) => status === 403 && !isElsewhere(path))
        .map(({ path }) => path);
    // A right that is missing keeps the run from going on: it is named before whatever came of it.
    const explain = (cause: unknown): never => {
      throw new Error(`refused: ${refused().join(', ')}\n${operator.said().slice(-2000)}`, { cause });
    };
    const made = await live(release.namespace, cleanups).catch(explain);
    await meetStrangers(release.namespace, `${gangGroup}/${version}`, operator.hold).catch(explain);
    const notWritten = operator
      .said()
      .split('\n')
      .filter((line) => line.includes('not written'));
    expect({ refused: refused(), pods: made.length, notWritten: refused().length === 0 ? [] : notWritten }).toEqual({
      ...{ refused: [], pods: 5, notWritten: [] },
    });
    const measured = await Promise.all(
      [operator, gateway].map(async ({ admin }) => (await fetch(`${admin}/metrics`)).text()),
    );
    await stop(operator.child);
    await stop(gateway.child);
    const [operatorInPages, gatewayInPages] = await Promise.all([
      startInPages('operator', release),
      startInPages('gateway', release),
    ]);
    for (const [component, asked] of [
      ['operator', [...operator.seen, ...operatorInPages]],
      ['gateway', [...gateway.seen, ...gatewayInPages]],
    ] as const) {
      const used = new Set(asked.flatMap(({ rights }) => rights));
      // Of the two gang schedulers each run has one.
      const isOfOther = (right: string): boolean => right.includes('/podgroups ') && !right.startsWith(gangGroup);
      const given = rightsGiven(release.manifests, component);
      expect(given.filter((right) => !used.has(right) && !isOfOther(right))).toEqual([]);
      expect([...used].filter((right) => !given.includes(right))).toEqual([]);
    }
    const kinds = 'events,trainingjobs,distillationjobs,modelservices,jobs,deployments,pods,services';
    const stored = await kubectl('get', kinds, '-n', release.namespace, '-o', 'yaml');
    expect(
      await kubectl('get', 'secret', 'limbeck-store', '-n', release.namespace, '-o', 'jsonpath={.data}'),
    ).toContain(Buffer.from(canary).toString('base64').slice(0, 40));
    const places = {
      logs: operator.said() + gateway.said(),
      metrics: measured.join(''),
      stored,
      pods: JSON.stringify(made),
    };
    for (const [place, text] of Object.entries(places)) {
      expect({
        place,
        isThere: text.length > 100,
        leaks: text.includes(canary) || text.includes(Buffer.from(canary).toString('base64')),
      }).toEqual({ place, isThere: true, leaks: false });
    }
  },
  240_000,
);
