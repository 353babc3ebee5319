import { expect, test } from '@jest/globals';
import { nodes, trainingJobs, type TrainingJob } from '../../../operator/api/resources.ts';
import { withoutNode, watchNodes } from '../../../operator/workloads/without-node.ts';
import { cachesOf } from '../../support/caches.ts';
import { settle } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { ago, node, teacherJob } from '../../support/runs.ts';

function job(name: string, reason?: string): TrainingJob {
  const told = { type: 'Accepted', status: 'Unknown', message: '', lastTransitionTime: ago(9) } as const;
  const status = reason === undefined ? {} : { status: { conditions: [{ ...told, reason }] } };
  return { ...teacherJob(), metadata: { name, namespace: 'default' }, ...status };
}

test('a node wakes who says that none fits, and nobody else', async () => {
  const cluster = new FakeCluster();
  for (const one of [job('new'), job('waits', 'NoNodeFits'), job('other', 'TeacherNotFound')])
    cluster.put(trainingJobs, one);
  const caches = cachesOf(cluster, [trainingJobs], { indexes: [withoutNode(trainingJobs)] });
  await caches.whenSynced;
  const woken = () => watchNodes(trainingJobs).keysOf(node(), caches.cache);
  expect(watchNodes(trainingJobs).resource).toBe(nodes);
  expect(woken()).toEqual([{ namespace: 'default', name: 'waits' }]);
  cluster.put(trainingJobs, job('waits', 'Valid'));
  await settle();
  expect(woken()).toEqual([]);
});
