import { describe, expect, test } from '@jest/globals';
import type { BatchJob } from '../../../operator/api/kubernetes.ts';
import { attemptName } from '../../../operator/api/names.ts';
import { ownerReferenceTo, type KubeObject } from '../../../operator/kernel/objects.ts';
import { noJobOf, nothingRuns } from '../../../operator/workloads/provisos.ts';
import { after, open, plan } from '../../support/run-plans.ts';
import {
  attemptJob,
  ended,
  pastAttempt,
  reported,
  runningStatus,
  seen,
  teacherAttempt,
  teacherJob,
  worker,
} from '../../support/runs.ts';

const ours = (number: number, uid = `job-${String(number)}`, ...conditions: readonly string[]): BatchJob => {
  const job = attemptJob(number, ...conditions);
  return { ...job, metadata: { ...job.metadata, uid, ownerReferences: [ownerReferenceTo(teacherJob())] } };
};
const named = (object: KubeObject, name: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, name },
});

test('a Job that is not seen is asked for by its name alone, and nobody else can have it be found', () => {
  const { resource, selection, forbids } = noJobOf(seen(), open);
  expect([resource.kind, selection]).toEqual([
    'Job',
    { namespace: 'default', fieldSelector: `metadata.name=${teacherAttempt(1)}` },
  ]);
  expect([forbids(ours(1)), forbids(attemptJob(1)), forbids(named(ours(1), 'other'))]).toEqual([true, false, false]);
});

const stranger = worker(0, runningStatus);
const [owner] = stranger.metadata.ownerReferences ?? [];
const disguised: KubeObject = {
  ...stranger,
  metadata: {
    ...stranger.metadata,
    ...{ name: `${attemptName('other', 'tj-1', 1)}-0-x`, ownerReferences: [] },
    labels: { ...stranger.metadata.labels, 'limbeck.dev/training-job': 'other' },
  },
};
test.each<[string, KubeObject, boolean]>([
  ['a Job that nobody has seen', ours(2, 'new'), true],
  ['a Job that was seen, and judged', ours(1), false],
  ['a Job that is over', ours(2, 'new', 'Failed'), false],
  ["somebody else's Job", attemptJob(2), false],
  ['a pod that runs', worker(0, runningStatus), true],
  ['a pod that waits', worker(0, { phase: 'Pending' }), true],
  ['a pod that has lost its Job', { ...stranger, metadata: { ...stranger.metadata, ownerReferences: [] } }, true],
  ['a pod that has ended', worker(0, ended({ exitCode: 1 })), false],
  ['a pod that is filed under another run', disguised, false],
  [
    'a pod that has the labels alone',
    { ...stranger, metadata: { ...stranger.metadata, ownerReferences: [{ ...owner!, name: 'other' }] } },
    false,
  ],
])('of all that has the label of the run, %s forbids the next attempt: %s', (_, object, forbidden) => {
  const provisos = nothingRuns(seen({ jobs: [ours(1)] }));
  const ofKind = provisos.filter(({ resource }) => resource.kind === object.kind);
  expect(ofKind.map(({ forbids }) => forbids(object))).toEqual([forbidden]);
});

test('of pods the API server is asked for those alone that the cache files under the run, and that have not ended', () => {
  expect(nothingRuns(seen()).map(({ resource, selection }) => [resource.kind, selection])).toEqual([
    ['Job', { namespace: 'default', labelSelector: 'limbeck.dev/root=tj-1' }],
    [
      'Pod',
      {
        namespace: 'default',
        labelSelector: 'limbeck.dev/root=tj-1,limbeck.dev/training-job=digits-teacher',
        fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
      },
    ],
  ]);
});

describe('a plan asks the cluster', () => {
  const kindsAsked = (more: Parameters<typeof plan>[0]): readonly string[] =>
    (plan(more).provided ?? []).map(({ resource }) => resource.kind);

  test.each<[string, Parameters<typeof plan>[0], readonly string[]]>([
    ['nothing before the first attempt', {}, []],
    ['for what runs before the next', { root: after([pastAttempt(1, 'Suspended', 100)]) }, ['Job', 'Pod']],
    ['for the Job of an attempt that seems lost', { root: after([open]) }, ['Job']],
    [
      'for the Job whose pods alone are seen',
      { root: after([open]), pods: [worker(0, reported('Crashed', 1))] },
      ['Job'],
    ],
    [
      'nothing where a worker has failed',
      { root: after([open]), jobs: [attemptJob(1, 'Failed')], pods: [worker(0, reported('Crashed', 1))] },
      [],
    ],
    ['nothing while workers run', { root: after([open]), jobs: [attemptJob(1)], pods: [worker(0, runningStatus)] }, []],
  ])('%s', (_, more, kinds) => {
    expect(kindsAsked(more)).toEqual(kinds);
  });
});
