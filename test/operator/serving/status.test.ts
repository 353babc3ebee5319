import { expect, test } from '@jest/globals';
import type { Observed } from '../../../operator/serving/reconciler.ts';
import {
  artefact,
  deployed,
  distillation,
  now,
  planned,
  pod,
  readyStatus,
  seen,
  service,
  noRoomStatus,
  succeeded,
} from './support.ts';

const revision = deployed(seen()).metadata.annotations!['limbeck.dev/revision']!;
const up = pod('up', revision, readyStatus);
const loading = pod('new', revision, { phase: 'Running' });
const old = pod('old', 'former', readyStatus);
const broken = new Map([['new', { reason: 'DigestMismatch', message: 'another digest' }]]);
const missing = new Map([['new', { reason: 'ArtefactMissing', message: 's3://limbeck/m is not in the store' }]]);
const withoutImage = { name: 'istio-proxy', state: { waiting: { reason: 'ImagePullBackOff' } } };
const verified = service({}, { status: { revision, verifiedRevision: revision } });
const byJob = service({ model: { distillationJob: { name: 'student' } } });

/** The columns of the table in status.ts: phase, Accepted, Progressing, Ready, Active. */
const rowOf = (observed: Observed): string => {
  const { phase, conditions } = planned(observed).status;
  const cells = conditions.map(({ status, reason }) => `${status}/${reason}`);
  return [phase, ...cells].join(' ');
};

type Row = [string, Partial<Observed>, string];

test.each<Row>([
  [
    'an unknown profile',
    { service: service({ placement: { ...service().spec.placement, gpuProfiles: ['tpu'] } }) },
    'Refused False/ProfileUnknown False/ProfileUnknown False/ProfileUnknown False/NoReplicas',
  ],
  ['no node', { nodes: [] }, 'Waiting Unknown/NoNodeFits False/NoNodeFits Unknown/NoNodeFits False/NoReplicas'],
  [
    'no job',
    { service: byJob },
    'Waiting Unknown/ModelNotFound False/ModelNotFound Unknown/ModelNotFound False/NoReplicas',
  ],
  [
    'a failed job',
    { service: byJob, job: distillation({ phase: 'Failed' }) },
    'Refused False/ModelFailed False/ModelFailed False/ModelFailed False/NoReplicas',
  ],
  [
    'a job that is not there, while a former model is served',
    { service: byJob, deployment: deployed(seen()), pods: [up] },
    'Waiting Unknown/ModelNotFound False/ModelNotFound Unknown/ModelNotFound True/ReplicaUp',
  ],
  ['a new service', {}, 'Starting True/Valid True/RollingOut Unknown/Starting False/NoReplicaYet'],
  ['its first replica', { pods: [loading] }, 'Starting True/Valid True/RollingOut Unknown/Starting False/NoReplicaYet'],
  [
    'a replica that answers',
    { deployment: deployed(seen()), pods: [up] },
    'Serving True/Valid False/RolledOut True/Verified True/ReplicaUp',
  ],
  [
    'an artefact that is not in the store',
    { pods: [loading], loadFailures: missing },
    'Waiting Unknown/ArtefactMissing False/ArtefactMissing Unknown/ArtefactMissing False/NoReplicaYet',
  ],
  [
    'an artefact that is no longer in the store',
    { service: verified, pods: [loading], loadFailures: missing, recommendation: { replicas: 1, reason: '' } },
    'Failing True/Valid False/ArtefactMissing False/ArtefactMissing False/NoReplicaYet',
  ],
  [
    'the wrong digest',
    { pods: [loading], loadFailures: broken },
    'Failing True/Valid False/LoadFailed False/LoadFailed False/NoReplicaYet',
  ],
  [
    'the wrong digest after a good revision',
    { pods: [loading, old], loadFailures: broken },
    'Failing True/Valid False/LoadFailed False/LoadFailed True/ReplicaUp',
  ],
  [
    'a new revision beside a former one',
    { pods: [loading, old] },
    'Starting True/Valid True/RollingOut Unknown/Starting True/ReplicaUp',
  ],
  [
    'one bad replica beside a good one',
    { service: verified, pods: [up, loading], loadFailures: broken },
    'Serving True/Valid False/LoadFailed True/Verified True/ReplicaUp',
  ],
  [
    'a verified revision of which none answers any more',
    { service: verified, pods: [loading], loadFailures: broken, recommendation: { replicas: 1, reason: '' } },
    'Failing True/Valid False/LoadFailed False/LoadFailed False/NoReplicaYet',
  ],
  [
    'no GPU left for another',
    { service: verified, pods: [up, pod('new', revision, noRoomStatus)] },
    'Serving True/Valid False/Unschedulable True/Verified True/ReplicaUp',
  ],
  [
    "somebody else's container that keeps the first replica from starting",
    { pods: [pod('new', revision, { phase: 'Pending', initContainerStatuses: [withoutImage] })] },
    'Failing True/Valid False/ImagePull False/ImagePull False/NoReplicaYet',
  ],
  [
    'idle',
    { service: verified, recommendation: { replicas: 0, reason: 'nobody asked' } },
    'Idle True/Valid False/RolledOut True/Verified False/NoReplicas',
  ],
  [
    'waking',
    { service: verified, recommendation: { replicas: 2, reason: 'a request came' } },
    'Starting True/Valid True/RollingOut True/Verified False/NoReplicaYet',
  ],
  [
    'stopped by a person',
    { service: service({ replicas: 0 }) },
    'Idle True/Valid False/RolledOut False/Stopped False/NoReplicas',
  ],
])('%s', (_, more, expected) => {
  expect(rowOf(seen(more))).toBe(expected);
});

test('a bad revision names its pod, its reason, and who still answers', () => {
  const { conditions } = planned(seen({ pods: [loading, old], loadFailures: broken })).status;
  expect(conditions.find(({ type }) => type === 'Ready')?.message).toBe(
    'pod new: DigestMismatch: another digest; 1 replica of the former revision still answer',
  );
});

test('numbers, selector and address are stated', () => {
  expect(planned(seen({ pods: [up, loading, old] })).status).toMatchObject({
    ...{
      replicas: 3,
      readyReplicas: 2,
      selector: 'limbeck.dev/model-service=digits,limbeck.dev/root=svc-1',
      revision,
      profile: 'gpu',
    },
    ...{ url: 'http://digits.default.svc.cluster.local/v2/models/digits', verifiedRevision: revision },
  });
});

const former = { model: 'trainingjob/teacher', artefact: { uri: 's3://limbeck/models/t', sha256: 'b'.repeat(64) } };

test('the model and the artefact in use belong together', () => {
  const moved = { ...byJob, status: former };
  const kept = planned(seen({ service: moved, deployment: deployed(seen()) })).status;
  expect({ model: kept.model, artefact: kept.artefact }).toEqual(former);
  expect(planned(seen({ service: byJob })).status).not.toHaveProperty('artefact');
});

test('a former model is known until the wanted one is found, though nothing runs any more, and is found again', () => {
  const ofModel = ({ model, artefact }: ReturnType<typeof planned>['status']) => ({ model, artefact });
  const { status } = planned(seen({ service: { ...byJob, status: former } }));
  expect(ofModel(status)).toEqual(former);
  const back = planned(seen({ service: service({ model: { trainingJob: { name: 'teacher' } } }, { status }) }));
  expect([ofModel(back.status), back.apply.length > 0]).toEqual([former, true]);
  const found = { service: { ...byJob, status }, job: distillation(succeeded), nodes: [] };
  expect(planned(seen(found)).status).toMatchObject({ model: 'distillationjob/student', artefact });
});

test('news is said once', () => {
  const bad = seen({ pods: [loading], loadFailures: broken });
  const reasons = (observed: Observed): readonly string[] => planned(observed).events.map(({ reason }) => reason);
  expect(reasons(bad)).toEqual(['LoadFailed']);
  expect(reasons({ ...bad, service: { ...bad.service, status: planned(bad).status } })).toEqual([]);
  expect(reasons(seen({ deployment: deployed(seen()), pods: [up] }))).toEqual(['Verified']);
  const scaled = seen({
    service: verified,
    deployment: deployed(seen()),
    recommendation: { replicas: 3, reason: 'load' },
  });
  expect(planned(scaled).events).toMatchObject([{ reason: 'Scaled', message: 'from 1 to 3: load', isPassing: true }]);
  expect(reasons(seen({ service: byJob }))).toEqual(['ModelNotFound']);
});

test('a condition keeps its time while it holds', () => {
  const first = planned(seen()).status;
  const later = new Date(now.getTime() + 60_000);
  const again = planned(seen({ service: service({}, { status: first }) }), undefined, later).status;
  expect(again.conditions).toEqual(first.conditions);
});

test('the reason for a number of replicas stays while the autoscaler has not spoken, for the same spec', () => {
  const reasonOf = (observed: Partial<Observed>): string | undefined =>
    planned(seen({ deployment: deployed(seen()), pods: [up], ...observed })).status.conditions.at(-1)?.message;
  const recommendation = { replicas: 1, reason: '3 in flight' };
  const { status } = planned(seen({ deployment: deployed(seen()), pods: [up], recommendation }));
  const told = service({}, { status });
  expect(reasonOf({ service: told })).toBe('1 up, 1 wanted (3 in flight)');
  expect(reasonOf({ service: told, pods: [up, old] })).toBe('2 up, 1 wanted');
  expect(reasonOf({ service: { ...told, metadata: { ...told.metadata, generation: 2 } } })).toBe('1 up, 1 wanted');
  expect(reasonOf({ service: told, recommendation: { replicas: 1, reason: '' } })).toBe('1 up, 1 wanted');
  expect(reasonOf({ service: told, recommendation: { replicas: 2, reason: 'load' } })).toBe('1 up, 2 wanted (load)');
});
