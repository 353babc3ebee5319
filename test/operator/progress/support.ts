/** Pods of ours, with the owners that make them so. */
import type { BatchJob, Deployment, Pod } from '../../../operator/api/kubernetes.ts';

const owner = (apiVersion: string, kind: string, name: string, uid: string) => [
  { apiVersion, kind, name, uid, controller: true },
];
/** The fake cluster numbers what it stores; the Job is stored first. */
const firstUid = 'uid-1';
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
    ownerReferences: owner(ours, kind, name, 'root'),
  },
});

export const deploymentOf = (name: string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    ...{ name, namespace: 'default', uid: 'd-1', labels: managed },
    ownerReferences: owner(ours, 'ModelService', name, 'root'),
  },
});

export const trainerPod = (name: string, more: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name, namespace: 'default', uid: `uid-${name}` },
    labels: { ...managed, 'batch.kubernetes.io/job-completion-index': '0' },
    ownerReferences: owner('batch/v1', 'Job', 'teacher-a1', firstUid),
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
