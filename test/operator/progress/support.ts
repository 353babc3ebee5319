/** Pods of ours, with the owners that make them so. */
import type { BatchJob, Deployment, Pod } from '../../../operator/api/kubernetes.ts';
import {
  batchJobs,
  deployments,
  distillationJobs,
  modelServices,
  pods,
  trainingJobs,
  type TrainingJob,
} from '../../../operator/api/resources.ts';
import type { Caches, CachesOptions } from '../../../operator/kernel/caches.ts';
import { podsWithNews } from '../../../operator/progress/targets.ts';
import { cachesOf } from '../../support/caches.ts';
import type { FakeCluster } from '../../support/fake-cluster.ts';
import { studentJob, teacherJob } from '../../support/runs.ts';
import { service } from '../serving/support.ts';

const owner = (apiVersion: string, kind: string, name: string, uid: string) => [
  { apiVersion, kind, name, uid, controller: true },
];
/** The fake cluster numbers what it stores; this is stored first. */
const uids = { job: 'uid-1', root: 'uid-2', service: 'uid-3' };
/** News are filed under it. */
export const teacherUid = uids.root;
export const managed = { 'app.kubernetes.io/managed-by': 'limbeck', 'limbeck.dev/root': 'root' };
const ours = 'limbeck.dev/v1alpha1';

export const jobOf = (name: string, kind: string): BatchJob => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name: `${name}-a1`,
    namespace: 'default',
    uid: 'job-1',
    labels: managed,
    ownerReferences: owner(ours, kind, name, uids.root),
  },
});

export const deploymentOf = (name: string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    ...{ name, namespace: 'default', uid: 'd-1', labels: managed },
    ownerReferences: owner(ours, 'ModelService', name, uids.service),
  },
});

/** A job with its Job, and a service with its Deployment; before everything else. */
export function putOwners(cluster: FakeCluster, kind = 'TrainingJob', more: Partial<TrainingJob['spec']> = {}): void {
  const metadata = { name: 'teacher', namespace: 'default' };
  cluster.put(batchJobs, jobOf('teacher', kind));
  if (kind === 'TrainingJob') cluster.put(trainingJobs, { ...teacherJob(more), metadata });
  else cluster.put(distillationJobs, { ...studentJob(), metadata });
  cluster.put(modelServices, service());
  cluster.put(deployments, deploymentOf('digits'));
}

/** What a poller looks at. */
export const observedBy = (cluster: FakeCluster, more: Partial<CachesOptions> = {}): Caches =>
  cachesOf(cluster, [pods, batchJobs, deployments, trainingJobs, distillationJobs, modelServices], {
    indexes: [podsWithNews],
    ...more,
  });

export const trainerPod = (name: string, more: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name, namespace: 'default', uid: `uid-${name}` },
    labels: { ...managed, 'batch.kubernetes.io/job-completion-index': '0' },
    ownerReferences: owner('batch/v1', 'Job', 'teacher-a1', uids.job),
    ...more,
  },
  status: { phase: 'Running', podIP: '10.0.0.1' },
});

export const serverPod = (name: string, podIP = '10.0.0.2', more: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name, namespace: 'default', uid: `uid-${name}` },
    labels: { ...managed, 'limbeck.dev/model-service': 'digits', 'pod-template-hash': 'x1' },
    ownerReferences: owner('apps/v1', 'ReplicaSet', 'digits-x1', 'rs-1'),
    ...more,
  },
  status: { phase: 'Running', podIP },
});
