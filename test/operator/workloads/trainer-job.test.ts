import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { labels } from '../../../operator/api/names.ts';
import { configOf as distillationConfig } from '../../../operator/distillation/desired.ts';
import { configOf as trainingConfig } from '../../../operator/training/desired.ts';
import type { RunConfig, RunRoot } from '../../../operator/workloads/run.ts';
import { attemptChildren, threadsOf, trainerConfigOf } from '../../../operator/workloads/trainer-job.ts';
import { expectGolden } from '../../support/golden.ts';
import type { Gang } from '../../../operator/workloads/pod-group.ts';
import type { GpuProfile, Settings } from '../../../operator/workloads/settings.ts';
import { settings, studentJob, teacherAttempt, teacherJob } from '../../support/runs.ts';

interface Job {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly [{ readonly image: string }] } };
  };
}

const attempt = (root: RunRoot, label: string, config: RunConfig) => ({
  ...{ root, label, config, settings, number: 1, profileName: 'cpu', profile: {} },
});
const teacher = attempt(teacherJob(), labels.trainingJob, trainingConfig(teacherJob().spec));
const artefact = { ok: true, uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) } as const;
const student = attempt(studentJob(), labels.distillationJob, distillationConfig(studentJob().spec, artefact));

test.each([
  ['digits-teacher', teacher],
  ['digits-student', student],
])('the first attempt of the example %s', async (name, plan) => {
  await expectGolden(
    `test/golden/examples/${name}.yaml`,
    attemptChildren(plan).map(({ object }) => object),
  );
});

test.each([
  ['a TrainingJob', teacher],
  ['a DistillationJob', student],
])('the config of %s keeps the contract', (_, plan) => {
  const schema = JSON.parse(readFileSync('crds/contracts/trainer-config.schema.json', 'utf8')) as object;
  const validate = new Ajv({ strict: false }).compile(schema);
  expect([validate(trainerConfigOf(plan)), validate.errors]).toEqual([true, null]);
});

describe('an attempt', () => {
  test('is made once: what is immutable is never sent again', () => {
    expect(attemptChildren(teacher).map(({ manner }) => manner)).toEqual(['created', 'once']);
  });

  test('has in its pods what the trainer is told, and finds it in a file', () => {
    const job = attemptChildren(teacher).at(-1)?.object as unknown as {
      readonly spec: { readonly template: { readonly metadata: { readonly annotations: Record<string, string> } } };
    };
    const { annotations } = job.spec.template.metadata;
    expect(JSON.parse(annotations['limbeck.dev/config'] ?? '')).toEqual(trainerConfigOf(teacher));
    const fieldRef = { fieldPath: "metadata.annotations['limbeck.dev/config']" };
    const volume = { name: 'config', downwardAPI: { items: [{ path: 'config.json', fieldRef }] } };
    expect(job).toMatchObject({
      spec: { template: { spec: { volumes: expect.arrayContaining([volume]) as unknown } } },
    });
  });

  test('gets the devices of its GPU profile, and goes where they are', () => {
    const profile = { resourceName: 'nvidia.com/gpu', count: 2, nodeSelector: { pool: 'a100' } };
    const [, job] = attemptChildren({ ...teacher, profileName: 'big', profile });
    expect(job?.object).toMatchObject({
      metadata: { annotations: { 'limbeck.dev/profile': 'big' } },
      spec: {
        template: {
          spec: { nodeSelector: { pool: 'a100' }, containers: [{ resources: { limits: { 'nvidia.com/gpu': '2' } } }] },
        },
      },
    });
  });

  test('mounts the volume that its data lies on, and cannot write to it', () => {
    const source = { kind: 'pvc', claim: 'disk', path: '/data/a.csv' } as const;
    const config = { ...teacher.config, data: { ...teacher.config.data, source } };
    const job = attemptChildren({ ...teacher, config }).at(-1);
    const volume = { name: 'data', persistentVolumeClaim: { claimName: 'disk', readOnly: true } };
    const mount = { name: 'data', mountPath: '/data', readOnly: true };
    expect(job?.object).toMatchObject({
      spec: {
        template: {
          spec: {
            volumes: expect.arrayContaining([volume]) as unknown,
            containers: [{ volumeMounts: expect.arrayContaining([mount]) as unknown }],
          },
        },
      },
    });
  });

  test('runs the program of a custom model under the very same conditions', () => {
    const podOf = (config: RunConfig) => {
      const job = attemptChildren({ ...teacher, config }).at(-1)?.object as unknown as Job;
      return job.spec.template.spec;
    };
    const program = { image: 'registry.example/mine:1', command: ['python3', '/app/train.py'] };
    const ours = podOf(teacher.config);
    const mine = podOf({ ...teacher.config, model: { kind: 'custom', ...program } });
    expect(mine).toEqual({ ...ours, containers: [{ ...ours.containers[0], ...program }] });
  });

  test("runs the profile's image where it has one", () => {
    const imageOf = (images: NonNullable<GpuProfile['images']>): unknown => {
      const job = attemptChildren({ ...teacher, profile: { ...teacher.profile, images } }).at(-1)?.object;
      return (job as unknown as Job).spec.template.spec.containers[0].image;
    };
    expect(imageOf({ trainer: 'trainer-cuda:1' })).toBe('trainer-cuda:1');
    expect(imageOf({ server: 'server-cuda:1' })).toBe(settings.images.trainer);
  });

  const placed = (placement: object, more: Partial<Settings> = {}, workers = 2) => {
    const { spec } = teacherJob();
    const root = teacherJob({
      placement: { ...spec.placement, ...placement },
      distribution: { ...spec.distribution, workers },
    });
    return attemptChildren({ ...teacher, root, settings: { ...settings, ...more } }).map(({ object }) => object);
  };

  test('for a queue is made suspended, and the queue knows it by its label', () => {
    expect(placed({ queueName: 'team-a' }).at(-1)).toMatchObject({
      metadata: { labels: { 'kueue.x-k8s.io/queue-name': 'team-a' } },
      spec: { suspend: true },
    });
    const [job] = placed({}).slice(-1);
    expect(JSON.stringify(job)).not.toMatch(/suspend|kueue/);
  });

  test('has the priority that its job asks for, and the scheduler of the installation', () => {
    const job = placed({ priorityClassName: 'high' }, { schedulerName: 'volcano' }).at(-1);
    expect(job).toMatchObject({
      spec: { template: { spec: { priorityClassName: 'high', schedulerName: 'volcano' } } },
    });
  });

  test.each<[Gang, string, object]>([
    ['coscheduling', 'scheduling.x-k8s.io/v1alpha1', { labels: { 'scheduling.x-k8s.io/pod-group': teacherAttempt() } }],
    ['volcano', 'scheduling.volcano.sh/v1beta1', { annotations: { 'scheduling.k8s.io/group-name': teacherAttempt() } }],
  ])('is placed all together where %s is served', (gang, apiVersion, metadata) => {
    const [group, job] = placed({}, { gang }).slice(-2);
    expect(group).toMatchObject({ apiVersion, kind: 'PodGroup', spec: { minMember: 2 } });
    expect(job).toMatchObject({ kind: 'Job', spec: { template: { metadata } } });
    expect(JSON.stringify(job)).toContain('"limbeck.dev/config":');
  });

  test('of one worker needs no group, and no name to be found by', () => {
    const children = placed({}, { gang: 'volcano' }, 1);
    expect(children.map(({ kind }) => kind)).toEqual(['Job']);
    expect(JSON.stringify(children)).not.toContain('-workers');
  });

  test('has names that fit, however long the name of its job', () => {
    const name = 'n'.repeat(63);
    const root = { ...teacherJob(), metadata: { ...teacherJob().metadata, name } };
    for (const { object } of attemptChildren({ ...teacher, root }))
      expect(object.metadata.name.length).toBeLessThanOrEqual(63);
  });

  test.each(['x', 'n'.repeat(52)])(
    'has no name that a job of the other kind has, though both are called %s',
    (name) => {
      const distribution = { ...studentJob().spec.distribution, workers: 2 };
      const namesOf = (plan: typeof teacher, root: RunRoot, uid: string) =>
        attemptChildren({ ...plan, root: { ...root, metadata: { ...root.metadata, name, uid } } }).map(
          ({ object }) => `${object.kind} ${object.metadata.name}`,
        );
      const all = [
        ...namesOf(teacher, teacherJob(), 'one'),
        ...namesOf(student, studentJob({ distribution }), 'other'),
      ];
      expect([new Set(all).size, all.length]).toEqual([4, 4]);
    },
  );

  test('calls its Service what its pods are told, so that they find rank 0', () => {
    const [service, job] = attemptChildren(teacher).map(({ object }) => object);
    const { name } = service!.metadata;
    expect(JSON.stringify(job)).toContain(`"value":"${teacherAttempt()}-0.${name}"`);
    expect(job).toMatchObject({ spec: { template: { spec: { subdomain: name } } } });
  });
});

test.each([
  ['500m', 1, 1],
  ['2', 1, 2],
  ['3500m', 1, 3],
  [4, 1, 4],
  [4, 2, 2],
  ['7500m', 2, 3],
  ['2', 8, 1],
  ['nonsense', 1, 1],
])('a CPU limit of %s for %i processes makes %i threads each', (cpu, processes, threads) => {
  expect(threadsOf({ limits: { cpu } }, processes)).toBe(threads);
});

test.each([
  [1, { RANK: "['batch.kubernetes.io/job-completion-index']", WORLD_SIZE: '2', LOCAL_WORLD_SIZE: '1' }],
  [4, { GROUP_RANK: "['batch.kubernetes.io/job-completion-index']", WORLD_SIZE: '8', LOCAL_WORLD_SIZE: '4' }],
])('a worker of %i processes is told its place in the group', (processesPerWorker, expected) => {
  const spec = teacherJob().spec;
  const root = {
    ...teacherJob(),
    spec: { ...spec, distribution: { ...spec.distribution, workers: 2, processesPerWorker } },
  };
  const [, job] = attemptChildren({ ...teacher, root });
  const { env } = (job?.object as unknown as AttemptJob).spec.template.spec.containers[0];
  const told = Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? valueFrom.fieldRef?.fieldPath.replace('metadata.annotations', ''),
    ]),
  );
  expect(told).toMatchObject(expected);
  expect(Object.keys(told).filter((name) => name.endsWith('RANK'))).toEqual([Object.keys(expected)[0]]);
});

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom: { readonly fieldRef?: { readonly fieldPath: string } };
}

interface AttemptJob {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly [{ readonly env: readonly Variable[] }] } };
  };
}
