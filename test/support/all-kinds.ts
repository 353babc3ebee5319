/** All three kinds as a user has them, on an API server whose kubelet is the test. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Pod } from '../../operator/api/kubernetes.ts';
import { batchJobs, distillationJobs, pods, services, trainingJobs } from '../../operator/api/resources.ts';
import { attemptName } from '../../operator/api/names.ts';
import { connect } from '../../operator/kernel/connect.ts';
import type { Resource } from '../../operator/kernel/objects.ts';
import { systemClock } from '../../process/clock.ts';
import type { Cleanups } from './chart-release.ts';
import { eventually } from './eventually.ts';
import { startHandKubelet } from './hand-kubelet.ts';
import { testKubeconfig } from './kubeconfig.ts';
import { apply, kubectl } from './kubectl.ts';
import { freshRegistry } from './toy.ts';
import { distilled, trainerResult } from './trained.ts';

const never = new AbortController().signal;

interface Declared {
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** All three kinds from apply to their end; one job of each kind is stopped and taken away by its time to live. */
export async function live(namespace: string, cleanups: Cleanups): Promise<readonly Pod[]> {
  process.env['KUBECONFIG'] = testKubeconfig();
  const connection = await connect({ component: 'test', version: '0', registry: freshRegistry(), clock: systemClock });
  cleanups.push(() => connection.close());
  const { cluster } = connection;
  const kubelet = await startHandKubelet(cluster, namespace, {
    cpu: '8',
    memory: '16Gi',
    pods: '100',
    'nvidia.com/gpu': '4',
  });
  cleanups.push(() => kubelet.stop());
  // Looked for again and again, which a kubectl each time would make dear.
  const podsWith = (labelSelector: string, count: number): Promise<readonly Pod[]> =>
    eventually(`pods with ${labelSelector}`, async () => {
      const { items } = await cluster.list(pods, { namespace, labelSelector }, never);
      return items.length === count && items;
    });
  const isGone = async (resource: Resource, name: string): Promise<boolean> =>
    (await cluster.list(resource, { namespace }, never)).items.every(({ metadata }) => !metadata.name.includes(name));
  /** A child that vanished is made again, once its root was asked for by name. */
  const missed = async (labelSelector: string): Promise<void> => {
    await kubectl('delete', 'service', '-n', namespace, '-l', labelSelector);
    await eventually('the service again', async () => {
      return (await cluster.list(services, { namespace, labelSelector }, never)).items.length > 0;
    });
  };
  const train = async (label: string, workers: number): Promise<readonly Pod[]> => {
    const members = await podsWith(label, workers);
    await missed(label);
    for (const member of members) await kubelet.run(member);
    for (const member of members) {
      const rank = member.metadata.labels?.['batch.kubernetes.io/job-completion-index'];
      await kubelet.end(member, 0, rank === '0' ? trainerResult('a', distilled) : '');
    }
    return members;
  };
  /** Until what the first attempt has left is removed. */
  const stopAgainAndAgain = async (): Promise<void> => {
    const suspend = (value: boolean): Promise<string> =>
      kubectl(
        'patch',
        '-n',
        namespace,
        'tj',
        'stopped',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { suspend: value } }),
      );
    for (const number of [1, 2, 3, 4]) {
      const members = await podsWith(`limbeck.dev/training-job=stopped,limbeck.dev/attempt=${String(number)}`, 2);
      if (number === 4) return;
      await suspend(true);
      await eventually('the Job is gone', () => isGone(batchJobs, 'stopped'));
      // Pods of a node are over when its kubelet says so.
      for (const member of members) await kubelet.end(member, 143, '').catch(() => undefined);
      await suspend(false);
    }
  };
  for (const name of ['teacher', 'service'])
    await kubectl('apply', '-n', namespace, '-f', `examples/digits/${name}.yaml`);
  // A group, which has a Service that can vanish.
  const student = parse(await readFile('examples/digits/student.yaml', 'utf8')) as Declared;
  const distribution = { workers: 2 };
  await apply(
    JSON.stringify({
      ...student,
      metadata: { ...student.metadata, namespace },
      spec: { ...student.spec, distribution },
    }),
  );
  const seen = [
    ...(await train('limbeck.dev/training-job=digits-teacher', 2)),
    ...(await train('limbeck.dev/distillation-job=digits-student', 2)),
  ];
  const [replica] = await podsWith('limbeck.dev/model-service=digits', 1);
  await kubelet.run(replica!);
  await kubectl('wait', '-n', namespace, 'modelservice/digits', '--for=condition=Ready', '--timeout=30s');
  await missed('limbeck.dev/model-service=digits');
  for (const name of ['teacher', 'student']) {
    const kind = name === 'teacher' ? 'trainingjob' : 'distillationjob';
    const suspend = parse(await readFile(`examples/digits/${name}.yaml`, 'utf8')) as Declared;
    if (kind === 'trainingjob') {
      await apply(JSON.stringify({ ...suspend, metadata: { name: 'stopped', namespace } }));
      await stopAgainAndAgain();
    }
    await kubectl(
      'patch',
      '-n',
      namespace,
      kind,
      suspend.metadata.name,
      '--type=merge',
      '-p',
      '{"spec":{"ttlSecondsAfterFinished":1}}',
    );
    const resource = name === 'teacher' ? trainingJobs : distillationJobs;
    await eventually(`${name} is gone`, () => isGone(resource, suspend.metadata.name));
  }
  return [...seen, replica!];
}

/** Each name of a training's children is taken by a stranger, which the operator's lagging cache does not show. */
export async function meetStrangers(
  namespace: string,
  groups: string,
  hold: (plural: string) => () => void,
): Promise<void> {
  const pod = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'image' }] };
  const strangers = [
    ['podgroups', { apiVersion: groups, kind: 'PodGroup' }],
    ['jobs', { apiVersion: 'batch/v1', kind: 'Job', spec: { suspend: true, template: { spec: pod } } }],
  ] as const;
  const teacher = parse(await readFile('examples/digits/teacher.yaml', 'utf8')) as { readonly spec: object };
  for (const [plural, stranger] of strangers) {
    const root = `no-${plural}`;
    const declare = (suspend: boolean): Promise<string> =>
      apply(JSON.stringify({ ...teacher, metadata: { name: root, namespace }, spec: { ...teacher.spec, suspend } }));
    const ask = (path: string): Promise<string> =>
      kubectl('get', 'trainingjob', root, '-n', namespace, '-o', `jsonpath=${path}`);
    await declare(true);
    const job = attemptName(root, await ask('{.metadata.uid}'), 1);
    const letGo = hold(plural);
    await apply(JSON.stringify({ ...stranger, metadata: { name: job, namespace } }));
    await declare(false);
    await eventually(`${root} is refused`, async () => (await ask('{.status.conditions}')).includes('NameTaken'));
    letGo();
    await kubectl('delete', 'trainingjob', root, '-n', namespace);
  }
}
