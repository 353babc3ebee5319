/**
 * Groups whose workers are killed, evicted, suspended or frozen, and whose checkpoints rot: each starts again as a whole
 * from its newest good checkpoint, and no two attempts ever live beside each other. Each job goes through several of it.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import { conditionOf, Kubectl, type Pod } from '../../demo/kubectl.ts';
import { damageNewest, freeze, inTrainer, kill, openLab, placement, training, type Lab } from './lab.ts';
import { recordPods, type PodRecord } from './pod-record.ts';
import { recordTable, type TableRecord } from './table-record.ts';
import { namespaces } from './world.ts';

const kubectl = new Kubectl(namespaces.group);
let lab: Lab;
let record: PodRecord;
let table: TableRecord;

afterAll(() => {
  record.stop();
  table.stop();
  lab.gateway.close();
});

const workers = 2;
const long = (epochs: number) => ({
  model: { mlp: { hidden: [32] } },
  optimization: { learningRate: 0.003, epochs },
  distribution: { workers },
  checkpoint: { everySeconds: 1 },
});

/** Both of them, while they run: what befalls an attempt that has come to its end changes nothing. */
async function workersOf(name: string, attempt: number): Promise<readonly string[]> {
  const pods = await kubectl.list<Pod>('pods', `limbeck.dev/training-job=${name},limbeck.dev/attempt=${attempt}`);
  const running = pods.filter(({ status }) => status?.phase === 'Running').map(({ metadata }) => metadata.name);
  if (running.length === workers) return running.toSorted();
  throw new Error(`attempt ${attempt} of ${name} has ${running.length} running workers: its training was too short`);
}

/** As `kubectl drain` does it, which does not mind either where a pod is gone meanwhile: its group was ended with it. */
const evict = (pod: string): Promise<unknown> =>
  kubectl
    .run(
      ['create', '--raw', `/api/v1/namespaces/${namespaces.group}/pods/${pod}/eviction`, '-f', '-'],
      JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod, namespace: namespaces.group },
      }),
    )
    .catch((error: unknown) => {
      if (!String(error).includes('(NotFound)')) throw error;
    });

/** Workers that were removed before anybody saw them end are waited for, for some minutes: a success may be among them. */
const patienceSeconds = 480;

const statusOf = (
  name: string,
  what: string,
  isSo: (status: TrainingJobStatus) => boolean,
): Promise<TrainingJobStatus> =>
  kubectl.until<TrainingJobStatus, TrainingJobStatus>({
    ...{ kind: 'tj', name, seconds: patienceSeconds, what },
    judge: (status) => {
      if (status.phase === 'Failed') throw new Error(`${name} failed: ${JSON.stringify(status.attempts)}`);
      return isSo(status) ? status : undefined;
    },
  });

/** The attempt of this number trains, and has written a checkpoint of its own. */
const underWay = (name: string, attempt: number): Promise<TrainingJobStatus> =>
  statusOf(name, `having a checkpoint of attempt ${attempt}`, ({ phase, attemptCount, checkpoint }) => {
    return phase === 'Running' && attemptCount === attempt && checkpoint?.uri.includes(`/a${attempt}/`) === true;
  });

const suspend = (value: boolean): Promise<unknown> =>
  kubectl.run(['patch', 'tj', 'hunted', '--type=merge', `--patch=${JSON.stringify({ spec: { suspend: value } })}`]);

/** Rank 0 killed, then drained, then suspended while the newest checkpoint rots; the status at the end. */
async function hunt(): Promise<TrainingJobStatus> {
  await kubectl.applyObject(training('hunted', { ...long(300), retry: { limit: 3 } }));
  await underWay('hunted', 1);
  const [leader = ''] = await workersOf('hunted', 1);
  kill(kubectl, [leader]);
  await underWay('hunted', 2);
  await Promise.all((await workersOf('hunted', 2)).map(evict));
  await underWay('hunted', 3);
  await suspend(true);
  const { checkpoint } = await statusOf('hunted', 'being suspended', ({ phase }) => phase === 'Suspended');
  // Those of an attempt whose Job had failed by itself stay for their logs.
  const suspended = '--selector=limbeck.dev/training-job=hunted,limbeck.dev/attempt=3';
  await kubectl.run(['wait', '--for=delete', 'pod', suspended, '--timeout=120s']);
  await inTrainer(kubectl, lab.images.trainer, damageNewest, checkpoint?.uri.replace(/\/a\d+\/.*/, '') ?? '');
  await suspend(false);
  return statusOf('hunted', 'succeeding', ({ phase }) => phase === 'Succeeded');
}

/** Its training has no end, and would take every core from all that is beside it. */
const slow = { ...placement, resources: { ...placement.resources, limits: { cpu: '300m', memory: '1Gi' } } };

/**
 * A rank that is stopped where it is, as a hung device would stop it; later all of them are killed at once. No machine
 * comes to the end of so many epochs before that: it is deleted when the last attempt has gone on.
 */
async function freezeOne(): Promise<TrainingJobStatus> {
  await kubectl.applyObject(
    training('frozen', { ...long(100_000), retry: { limit: 3, stallSeconds: 10 }, placement: slow }),
  );
  await underWay('frozen', 1);
  const [, second = ''] = await workersOf('frozen', 1);
  freeze(kubectl, second);
  await underWay('frozen', 2);
  kill(kubectl, await workersOf('frozen', 2));
  const status = await underWay('frozen', 3);
  await kubectl.run(['delete', 'tj', 'frozen']);
  return status;
}

describe('a group', () => {
  let [hunted, frozen]: TrainingJobStatus[] = [{}, {}];

  beforeAll(async () => {
    lab = await openLab();
    record = recordPods(namespaces.group);
    table = recordTable(namespaces.group);
    [hunted = {}, frozen = {}] = await Promise.all([hunt(), freezeOne()]);
  }, 900_000);

  /** From the second attempt on each goes on from where the one before had come, or one checkpoint before that. */
  const goesOn = (status: TrainingJobStatus | undefined): boolean => {
    const resumed = status?.attempts?.slice(1).map(({ resumedFromStep = 0 }) => resumedFromStep) ?? [];
    return resumed.every((step, at) => step > (resumed[at - 1] ?? 0));
  };

  test('of which rank 0 is killed, which is drained, suspended and resumed, ends right', () => {
    expect(hunted?.phase).toBe('Succeeded');
    const outcomes = hunted?.attempts?.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['Failed', 'Preempted', 'Suspended', 'Succeeded']);
    expect(goesOn(hunted)).toBe(true);
  });

  test('skips a checkpoint that has rotted for the one before, and says so by an event', async () => {
    const last = hunted?.attempts?.at(-1);
    expect(last?.skippedCheckpoint).toMatch(/^step \d+ of attempt 3: its bytes do not have the sha256/);
    expect(last?.resumedFromStep).toBeLessThan(Number(/\d+/.exec(last?.skippedCheckpoint ?? '')?.[0]));
    const said = await kubectl.run(['get', 'events', '--field-selector=reason=CheckpointSkipped', '--output=name']);
    expect(said).not.toBe('');
  });

  test('knows how it is spread, when its last checkpoint was written, and where its history lies', () => {
    expect(hunted?.distribution).toMatchObject({ strategy: 'ddp', processes: 2 });
    expect(hunted?.distribution?.scalingEfficiency).toBeGreaterThan(0);
    expect(Date.parse(hunted?.checkpoint?.savedAt ?? '')).toBeGreaterThan(Date.parse(hunted?.startedAt ?? ''));
    expect(hunted?.training?.history).toMatch(/^s3:\/\/.*\/history\/model\.json$/);
    expect(conditionOf(hunted ?? {}, 'ScalingUseful')?.status).toMatch(/True|False/);
  });

  test('of which a rank is frozen is ended and started again, by name of that rank, and again when all are killed', () => {
    expect(frozen?.attempts?.[0]).toMatchObject({ outcome: 'Failed', reason: 'Hung', rank: 1 });
    expect(frozen?.attempts?.map(({ outcome }) => outcome)).toEqual(['Failed', 'Failed', undefined]);
    expect(goesOn(frozen)).toBe(true);
  });

  test('is shown as it comes on by kubectl get tj -w', () => {
    const lines = table.lines.filter((line) => line.startsWith('hunted '));
    const percent = lines.flatMap((line) => / (\d+)% /.exec(line)?.[1] ?? []);
    expect(new Set(percent).size).toBeGreaterThan(2);
    expect(lines.join('\n')).toMatch(/ Running .*\n(.*\n)*.* Succeeded +100% /);
  });

  test('never has pods of two attempts', () => {
    expect(record.changes).toBeGreaterThan(40);
    expect(record.overlaps).toEqual([]);
  });
});
