/** A ModelService and what surrounds it, for the tests of operator/serving. */
import type { Deployment, Node, Pod } from '../../../operator/api/kubernetes.ts';
import type { DistillationJob, ModelService } from '../../../operator/api/resources.ts';
import { modelServices } from '../../../operator/api/resources.ts';
import { isOwnedBy, ownerReferenceTo, type KubeObject } from '../../../operator/kernel/objects.ts';
import { servingReconciler, type Observed } from '../../../operator/serving/reconciler.ts';
import { node as plainNode, now, settings } from '../../support/runs.ts';

export { now, settings } from '../../support/runs.ts';
export const artefact = { uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) };
/** The status of the job that made it. */
export const succeeded = { phase: 'Succeeded', artefact: { ...artefact, sizeBytes: 1, inputs: [], outputs: [] } };

type Spec = ModelService['spec'];

export const service = (spec: Partial<Spec> = {}, more: Partial<ModelService> = {}): ModelService => ({
  apiVersion: modelServices.apiVersion,
  kind: 'ModelService',
  metadata: { name: 'digits', namespace: 'default', uid: 'svc-1', generation: 1 },
  spec: {
    model: { artefact },
    runtime: { onnx: { instances: 1, threads: 1 } },
    scaling: {
      ...{ minReplicas: 0, maxReplicas: 4, target: { inFlight: 4 }, idleSeconds: 60 },
      ...{ maxColdStartSeconds: 120, queueLimit: 1000, maxInFlightPerReplica: 100 },
    },
    placement: {
      gpuProfiles: ['gpu', 'cpu'],
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '1', memory: '512Mi' } },
    },
    ...spec,
  },
  ...more,
});

export const distillation = (status?: object): DistillationJob =>
  ({
    apiVersion: modelServices.apiVersion,
    kind: 'DistillationJob',
    metadata: { name: 'student', namespace: 'default', uid: 'dj-1' },
    spec: {},
    ...(status === undefined ? {} : { status }),
  }) as DistillationJob;

/** With GPUs. */
export const node = (): Node => plainNode({ 'nvidia.com/gpu': '4' });

export const pod = (name: string, revision: string, status: Pod['status'] = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    creationTimestamp: '2026-11-24T11:59:55Z',
    labels: {
      'app.kubernetes.io/managed-by': 'limbeck',
      'limbeck.dev/model-service': 'digits',
      'limbeck.dev/root': service().metadata.uid ?? '',
      'limbeck.dev/revision': revision,
    },
  },
  status,
});

export const readyStatus: Pod['status'] = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
export const noRoomStatus: Pod['status'] = {
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes' }],
};

export const seen = (more: Partial<Observed> = {}): Observed => ({
  service: service(),
  job: undefined,
  deployment: undefined,
  pods: [],
  nodes: [node()],
  recommendation: undefined,
  loadFailures: new Map(),
  ...more,
});

const none = { recommendation: () => undefined, loadFailure: () => undefined };

export const planned = (observed: Observed, over = settings, at = now) =>
  servingReconciler(over, none).plan(observed, at);

/** What is made of it once its model is stored, if it is that of a job. */
export function applied(observed: Observed, over = settings): readonly KubeObject[] {
  const first = planned(observed, over).apply;
  const { apply } =
    first.length > 0 ? { apply: first } : planned({ ...observed, service: stored(observed, over) }, over);
  return apply.map(({ object }) => object);
}

/** The Deployment of a plan as the API server would show it. */
export function deployed(observed: Observed, over = settings): Deployment {
  const found = applied(observed, over).find(({ kind }) => kind === 'Deployment');
  if (found === undefined) throw new Error('no Deployment is planned');
  return owned(found, observed.service);
}

const owned = (object: KubeObject, owner: ModelService): KubeObject =>
  isOwnedBy(object, owner)
    ? object
    : { ...object, metadata: { ...object.metadata, ownerReferences: [ownerReferenceTo(owner)] } };

/** The service with the status of a plan, as it comes back. */
export const stored = (observed: Observed, over = settings): ModelService => ({
  ...observed.service,
  status: planned(observed, over).status,
});
