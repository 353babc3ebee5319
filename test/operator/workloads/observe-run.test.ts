import { expect, test } from '@jest/globals';
import { attemptName, labels } from '../../../operator/api/names.ts';
import { batchJobs, pods, trainingJobs } from '../../../operator/api/resources.ts';
import { imageOf, observeRun, podsByRoot, runWatches } from '../../../operator/workloads/observe-run.ts';
import { attemptJob, feeds, runningStatus, seen, settings, teacherJob, worker } from '../../support/runs.ts';
import { ownerReferenceTo, type KubeObject } from '../../../operator/kernel/objects.ts';
import type { Cache } from '../../../operator/kernel/reconcile.ts';

const pod = worker(0, runningStatus);
const stranger = { ...pod, metadata: { ...pod.metadata, labels: {} } };
const key = { namespace: 'default', name: 'digits-teacher' };
const cache = { get: () => undefined, list: () => [], ownedBy: () => [], byIndex: () => [], silentMs: () => 0 };

test('pods are filed under the job that they work for', () => {
  const index = podsByRoot(labels.trainingJob);
  const orphan = { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } };
  const copy = { ...pod, metadata: { ...orphan.metadata, name: 'debugger' } };
  const toil = { ...pod, metadata: { ...pod.metadata, ownerReferences: [ownerReferenceTo(attemptJob(2))] } };
  const filed = [pod, orphan, stranger, copy, toil].map((one) => index.valuesOf(one));
  const run = ['default/digits-teacher/tj-1'];
  expect(filed).toEqual([run, run, [], [], []]);
});

test('a run sees the pods that were made for it, and none of what a predecessor of its name has left', () => {
  const filed = {
    ...cache,
    byIndex: (...[, , file]: unknown[]) => (file === 'default/digits-teacher/tj-1' ? [pod] : []),
  };
  const podsOf = (uid: string) => {
    const { metadata, ...job } = teacherJob();
    const root = { ...job, metadata: { ...metadata, uid } };
    return observeRun(filed as unknown as Cache, root, { label: labels.trainingJob, settings, feeds }).pods;
  };
  expect([podsOf('tj-1'), podsOf('tj-2')]).toEqual([[pod], []]);
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

test('a Job is an attempt only under the name that we give it', () => {
  const root = teacherJob();
  const named = (number: string, name?: string) => {
    const job = attemptJob(1);
    const own = attemptName(root.metadata.name, root.metadata.uid ?? '', Number(number));
    return { ...job, metadata: { ...job.metadata, name: name ?? own, labels: { [labels.attempt]: number } } };
  };
  const jobs = [named('1'), named('50', 'evil'), named('1.5'), named('Infinity'), named('-3', 'x'), named('2')];
  const owning = { ...cache, ownedBy: () => jobs } as unknown as Cache;
  const observed = observeRun(owning, root, { label: labels.trainingJob, settings, feeds });
  expect(observed.jobs).toEqual([jobs[0], jobs[5]]);
});

test('the image of a run is that of its newest worker', () => {
  const of = (attempt: number, image: string) => ({
    ...worker(0, runningStatus, attempt),
    spec: {
      containers: [
        { name: 'proxy', image: 'proxy:9' },
        { name: 'trainer', image },
      ],
    },
  });
  expect(imageOf(seen({ pods: [of(2, 'trainer:1'), of(1, 'trainer:0')] }))).toBe('trainer:1');
  expect(imageOf(seen({ pods: [of(1, 'trainer:0')] }))).toBe('trainer:0');
  expect(imageOf(seen())).toBe('trainer:1');
});

test('progress is that of this very job, and what was heard last where an operator has just begun', () => {
  const observed = (status: ReturnType<typeof teacherJob>['status'], heard: Record<string, string>) => {
    const newsOf = (progress: string | undefined) =>
      progress === undefined ? undefined : { attempt: 1, progress, training: {} };
    const hearing = { ...feeds, news: (uid: string) => newsOf(heard[uid]) };
    const given = { label: labels.trainingJob, settings, feeds: hearing };
    return observeRun(cache, teacherJob({}, status), given).progress;
  };
  const before = { phase: 'Running', progress: '43%' } as const;
  expect([observed(before, { 'tj-1': '44%' }), observed(before, {})]).toEqual(['44%', '43%']);
  expect([observed({}, { 'tj-0': '90%' }), observed(undefined, {})]).toEqual([undefined, undefined]);
});

test('a gang scheduler that was taken away is one that the cluster never had', () => {
  const over = { ...settings, gang: 'volcano' as const };
  const seenWith = (isServed: boolean) => {
    const given = { label: labels.trainingJob, settings: over, feeds: { ...feeds, gangs: () => isServed } };
    return observeRun(cache, teacherJob(), given).settings;
  };
  expect([seenWith(true), seenWith(false)]).toEqual([over, settings]);
});
