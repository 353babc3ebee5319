import { expect, test } from '@jest/globals';
import { nodes, pods } from '../../operator/api/resources.ts';
import type { Node } from '../../operator/api/kubernetes.ts';
import { withAssumedNodes } from '../../operator/assumed-nodes.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import { chooseProfile } from '../../operator/workloads/pod-parts.ts';
import { systemClock } from '../../process/clock.ts';
import { settings } from '../support/runs.ts';

const gpuProfiles = {
  cpu: {},
  a: { resourceName: 'example.com/gpu', count: 2, nodeSelector: { kind: 'a' } },
  b: { resourceName: 'example.com/gpu', count: 4, nodeSelector: { kind: 'b' } },
};
const never = new AbortController().signal;
const asked: string[] = [];
const real = {
  list: (resource: { plural: string }) => {
    asked.push(resource.plural);
    return Promise.resolve({ items: [], resourceVersion: '7', continueToken: undefined });
  },
} as unknown as Cluster;
const cluster = withAssumedNodes(real, gpuProfiles, systemClock);

test('every profile fits, so the first that is named is taken, and the API server is not asked', async () => {
  const { items } = await cluster.list<Node>(nodes, {}, never);
  for (const name of ['cpu', 'a', 'b'])
    expect(chooseProfile([name, 'cpu'], { ...settings, gpuProfiles }, items)).toMatchObject({ ok: true, name });
  expect(chooseProfile(['c'], { ...settings, gpuProfiles }, items)).toMatchObject({ reason: 'ProfileUnknown' });
  expect(asked).toEqual([]);
});

test('other kinds are those of the cluster', async () => {
  expect(await cluster.list(pods, {}, never)).toMatchObject({ resourceVersion: '7' });
  expect(asked).toEqual(['pods']);
});

test('a watch says nothing but bookmarks, and ends with its signal', async () => {
  const stop = new AbortController();
  const heard: string[] = [];
  const options = { resourceVersion: '1', timeoutSeconds: 0.01 };
  for await (const event of cluster.watch(nodes, options, stop.signal)) heard.push(event.kind);
  expect(heard).toEqual(['bookmark']);
  stop.abort();
  for await (const event of cluster.watch(nodes, options, stop.signal)) heard.push(event.kind);
  expect(heard).toEqual(['bookmark']);
});
