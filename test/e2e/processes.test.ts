/**
 * Several processes in each pod: all of them train as one group, and where one process is killed, the pods start again
 * together from the last checkpoint.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import { Kubectl, type Pod } from '../../demo/kubectl.ts';
import { killRank, openLab, training, type Lab } from './lab.ts';
import { recordPods, type PodRecord } from './pod-record.ts';
import { namespaces } from './world.ts';

const kubectl = new Kubectl(namespaces.processes);
const name = 'paired';
const [workers, processesPerWorker] = [2, 2];
let lab: Lab;
let record: PodRecord;

afterAll(() => {
  record.stop();
  lab.gateway.close();
});

/** Each process has a core and PyTorch of its own. */
const resources = { requests: { cpu: '100m', memory: '512Mi' }, limits: { cpu: '2', memory: '2Gi' } };
const paired = training(name, {
  model: { mlp: { hidden: [32] } },
  optimization: { learningRate: 0.003, epochs: 300 },
  distribution: { workers, processesPerWorker },
  checkpoint: { everySeconds: 1 },
  retry: { limit: 2 },
  placement: { gpuProfiles: ['cpu'], resources },
});

const statusOf = (what: string, isSo: (status: TrainingJobStatus) => boolean): Promise<TrainingJobStatus> =>
  kubectl.until<TrainingJobStatus, TrainingJobStatus>({
    ...{ kind: 'tj', name, seconds: 300, what },
    judge: (status) => {
      if (status.phase === 'Failed') throw new Error(`${name} failed: ${JSON.stringify(status.attempts)}`);
      return isSo(status) ? status : undefined;
    },
  });

/** By their places. */
async function podsOf(attempt: number): Promise<readonly Pod[]> {
  const pods = await kubectl.list<Pod>('pods', `limbeck.dev/training-job=${name},limbeck.dev/attempt=${attempt}`);
  return pods.toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
}

describe('a group of two pods with two processes each', () => {
  let status: TrainingJobStatus = {};

  beforeAll(async () => {
    lab = await openLab();
    record = recordPods(namespaces.processes);
    await kubectl.applyObject(paired);
    await statusOf('having a checkpoint', ({ phase, checkpoint }) => phase === 'Running' && checkpoint !== undefined);
    const [, second] = await podsOf(1);
    killRank(kubectl, second?.metadata.name ?? '', workers * processesPerWorker - 1);
    status = await statusOf('succeeding', ({ phase }) => phase === 'Succeeded');
  }, 660_000);

  test('trains with all four, and says so', () => {
    expect(status.distribution).toMatchObject({ strategy: 'ddp', processes: 4 });
    expect(status.lineage?.worldSize).toBe(4);
    expect(status.artefact?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('names the process that was killed, and not those that have lost it', () => {
    expect(status.attempts?.map(({ outcome }) => outcome)).toEqual(['Failed', 'Succeeded']);
    expect(status.attempts?.[0]).toMatchObject({
      ...{ reason: 'Crashed', exitCode: 137, pod: expect.stringMatching(/-a1-1-/) },
      message: expect.stringContaining('The process of rank 3 was killed by SIGKILL.'),
    });
  });

  test('starts again as a whole from its last checkpoint', async () => {
    expect(status.attempts?.[1]?.resumedFromStep).toBeGreaterThan(0);
    const pods = await podsOf(2);
    expect(pods.map((pod) => pod.status?.phase)).toEqual(['Succeeded', 'Succeeded']);
    expect(record.changes).toBeGreaterThan(8);
    expect(record.overlaps).toEqual([]);
  });
});
