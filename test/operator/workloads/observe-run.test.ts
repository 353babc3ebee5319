import { expect, test } from '@jest/globals';
import { labels } from '../../../operator/api/names.ts';
import { batchJobs, pods, trainingJobs } from '../../../operator/api/resources.ts';
import { imageOf, podsByRoot, runWatches } from '../../../operator/workloads/observe-run.ts';
import { attemptJob, runningStatus, seen, teacherJob, worker } from '../../support/runs.ts';
import { ownerReferenceTo, type KubeObject } from '../../../operator/kernel/objects.ts';

const pod = worker(0, runningStatus);
const stranger = { ...pod, metadata: { ...pod.metadata, labels: {} } };
const key = { namespace: 'default', name: 'digits-teacher' };
const cache = { get: () => undefined, list: () => [], ownedBy: () => [], byIndex: () => [] };

test('pods are filed under the job that they work for', () => {
  const index = podsByRoot(labels.trainingJob);
  const copy = { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } };
  const toil = { ...pod, metadata: { ...pod.metadata, ownerReferences: [ownerReferenceTo(attemptJob(2))] } };
  const filed = [pod, stranger, copy, toil].map((one) => index.valuesOf(one));
  expect(filed).toEqual([['default/digits-teacher'], [], [], []]);
});

test('a change of a pod or of a Job wakes the job that it works for', () => {
  const watches = runWatches(labels.trainingJob, trainingJobs);
  const keysOf = (resource: object, object: KubeObject) =>
    watches.filter((watch) => watch.resource === resource).flatMap((watch) => watch.keysOf(object, cache));
  const job = attemptJob(1);
  const owned = { ...job, metadata: { ...job.metadata, ownerReferences: [ownerReferenceTo(teacherJob())] } };
  expect(keysOf(pods, pod)).toEqual([key]);
  expect(keysOf(pods, stranger)).toEqual([]);
  expect(keysOf(batchJobs, owned)).toEqual([key]);
});

test('the image of a run is that of its newest worker', () => {
  const of = (attempt: number, image: string) => ({
    ...worker(0, runningStatus, attempt),
    spec: { containers: [{ image }] },
  });
  expect(imageOf(seen({ pods: [of(2, 'trainer:1'), of(1, 'trainer:0')] }))).toBe('trainer:1');
  expect(imageOf(seen({ pods: [of(1, 'trainer:0')] }))).toBe('trainer:0');
  expect(imageOf(seen())).toBe('trainer:1');
});
