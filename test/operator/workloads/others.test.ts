import { describe, expect, test } from '@jest/globals';
import { keptPod } from '../../../operator/api/kept.ts';
import type { ContainerStatus, Pod } from '../../../operator/api/kubernetes.ts';
import { gateText, initEnd, initTrouble } from '../../../operator/workloads/others.ts';
import { runStatus } from '../../../operator/workloads/run-status.ts';
import { judge, type Verdict } from '../../../operator/workloads/verdict.ts';
import { after, namesMade, open, plan } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  now,
  pastAttempt,
  reported,
  runningStatus,
  settings,
  teacherAttempt,
  worker,
} from '../../support/runs.ts';

type State = NonNullable<ContainerStatus['state']>;

const initializing: ContainerStatus = { name: 'trainer', state: { waiting: { reason: 'PodInitializing' } } };
/** A worker behind these init containers, as the API server tells of it. */
const behind = (phase: 'Pending' | 'Failed', inits: readonly ContainerStatus[], rank = 0): Pod =>
  keptPod(worker(rank, { phase, containerStatuses: [initializing], initContainerStatuses: inits }));
const pulling = (reason = 'ImagePullBackOff'): State => ({ waiting: { reason, message: 'Back-off pulling proxy:9' } });
const exit = (exitCode: number, message = ''): State => ({
  terminated: { exitCode, reason: 'Error', message, finishedAt: ago(30) },
});
const backingOff: State = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } };
const leaving = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: ago(1) } });

const judged = (pods: readonly Pod[], workers = pods.length): Verdict =>
  judge({ number: 1, job: attemptJob(1), pods, workers, nodes: [], podsSilentMs: 0 }, now);

const pod = `${teacherAttempt(1)}-0`;
const exempt = 'or exempt pods with the label limbeck.dev/root from what puts it there';
const log = (name: string): string => `mend what it lacks (kubectl logs ${pod} -n default -c ${name}), ${exempt}`;

describe('an init container of somebody else, behind which a worker waits', () => {
  test.each<[string, ContainerStatus, string, string]>([
    [
      'whose image cannot be had',
      { name: 'istio-proxy', state: pulling() },
      'ImagePull',
      `waits: ImagePullBackOff: Back-off pulling proxy:9; see that its image can be had, ${exempt}`,
    ],
    [
      'whose Secret is not there',
      { name: 'vault', state: pulling('CreateContainerConfigError') },
      'ConfigMissing',
      `waits: CreateContainerConfigError: Back-off pulling proxy:9; make what it asks for, ${exempt}`,
    ],
    [
      'that cannot be made',
      { name: 'vault', state: pulling('CreateContainerError') },
      'CannotStart',
      `waits: CreateContainerError: Back-off pulling proxy:9; mend what it lacks, ${exempt}`,
    ],
    [
      'that has just ended',
      { name: 'istio-proxy', state: exit(1, 'starting\nno control plane\n') },
      'CannotStart',
      `ended with exit code 1: no control plane; ${log('istio-proxy')}`,
    ],
    [
      'that is to be started again',
      { name: 'istio-proxy', state: backingOff, lastState: exit(255, 'no control plane') },
      'CannotStart',
      `ended with exit code 255: no control plane; ${log('istio-proxy')}`,
    ],
    [
      'that ends again and again, of which no end is known',
      { name: 'istio-proxy', state: backingOff },
      'CannotStart',
      `ended again and again; ${log('istio-proxy')}`,
    ],
    [
      'that has too little memory',
      { name: 'vault', state: backingOff, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
      'CannotStart',
      `ended with exit code 137 (its memory limit was reached); ${log('vault')}`,
    ],
    [
      'that is tried for the fourth time',
      { name: 'vault', ready: false, restartCount: 3, state: { running: {} }, lastState: exit(1, 'sealed') },
      'CannotStart',
      `ended with exit code 1: sealed; ${log('vault')}`,
    ],
  ])('%s is named, and waited for without end', (_, status, reason, words) => {
    const done = { name: 'istio-init', ready: true, state: exit(0) };
    const message = `${pod}: its init container ${status.name}, which is not ours, ${words}`;
    expect(judged([behind('Pending', [done, status])])).toEqual({ kind: 'starting', reason, message });
  });

  test.each<[string, ContainerStatus]>([
    ['is done', { name: 'vault', ready: true, state: exit(0) }],
    ['runs', { name: 'vault', ready: false, state: { running: {} } }],
    ['waits for its turn', { name: 'vault', state: { waiting: { reason: 'PodInitializing' } } }],
    ['is a native sidecar that runs', { name: 'istio-proxy', ready: true, state: { running: {} } }],
    [
      'is a native sidecar that runs again',
      { name: 'istio-proxy', ready: true, restartCount: 9, state: { running: {} }, lastState: exit(1) },
    ],
    ['runs for the second time', { name: 'vault', restartCount: 1, state: { running: {} }, lastState: exit(1) }],
    ['was done before its node began anew', { name: 'v', restartCount: 3, state: { running: {} }, lastState: exit(0) }],
  ])('is well where it %s', (_, status) => {
    expect(initTrouble(behind('Pending', [status]))).toBeUndefined();
    expect(judged([behind('Pending', [status])])).toMatchObject({ reason: 'AttemptStarting' });
  });

  test('makes Progressing False, whatever the other workers do', () => {
    const pods = [behind('Pending', [{ name: 'istio-proxy', state: pulling() }]), worker(1, runningStatus)];
    const root = after([open]);
    const { state, attempts } = plan({ root, jobs: [attemptJob(1)], pods });
    const unknown = { gates: undefined, progress: undefined, news: undefined };
    const { conditions } = runStatus({ root, state, attempts, settings, ...unknown }, now);
    const message = expect.stringContaining('istio-proxy');
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'ImagePull', message }),
    );
  });

  test('keeps nobody waiting once the worker is at work', () => {
    const sidecar = { name: 'istio-proxy', state: backingOff, lastState: exit(1) };
    const containerStatuses = [{ name: 'trainer', state: { running: {} } }];
    const pods = [worker(0, { ...runningStatus, containerStatuses, initContainerStatuses: [sidecar] })];
    expect(judged(pods)).toMatchObject({ kind: 'running' });
  });

  test('is what peers that gave up have waited for in vain, and counts for nothing', () => {
    const lost = worker(1, reported('PeerLost', 75));
    const stuck = behind('Pending', [{ name: 'istio-proxy', state: pulling() }]);
    const failure = { reason: 'ImagePull', weight: 'waiting', pod, message: expect.stringContaining('istio-proxy') };
    expect(judged([stuck, lost])).toMatchObject({ kind: 'failed', failure });
    expect(judged([leaving(stuck), lost])).toMatchObject({ kind: 'failed', failure });
    expect(judged([leaving(behind('Pending', [{ name: 'vault', state: exit(143) }])), lost])).toMatchObject({
      kind: 'running',
    });
  });

  test.each([
    ['InvalidImageName', 0, true],
    ['ErrImageNeverPull', 0, true],
    ['ErrImagePull', 0, false],
    ['CrashLoopBackOff', 2, false],
    ['CrashLoopBackOff', 3, true],
  ])('lasts by %s after %i starts: %j', (word, restartCount, isLasting) => {
    const { message, remedy, ...trouble } = initTrouble(
      behind('Pending', [{ name: 'a', restartCount, state: pulling(word), lastState: exit(1) }]),
    )!;
    expect([trouble.isLasting, message.endsWith(`; ${remedy}`)]).toEqual([isLasting, true]);
  });
});

describe('a pod that failed behind an init container of somebody else', () => {
  const sealed: ContainerStatus = { name: 'vault', ready: false, state: exit(1, 'dialling\nvault is sealed') };
  const message = `its init container vault, which is not ours, ended with exit code 1: vault is sealed; ${log('vault')}`;
  const cannotStart = { reason: 'CannotStart', message, weight: 'waiting', pod, rank: 0 };

  test('counts for nothing, with the name and the last words of that container', () => {
    expect(judged([behind('Failed', [sealed])])).toEqual({ kind: 'failed', failure: cannotStart });
  });

  test('names the one that failed, and not a native sidecar that was told to end', () => {
    const sidecar = { name: 'istio-proxy', state: exit(143) };
    const unbegun = { name: 'later', state: { waiting: { reason: 'PodInitializing' } } };
    expect(judged([behind('Failed', [sidecar, sealed, unbegun])])).toMatchObject({ failure: cannotStart });
    expect(initEnd(behind('Failed', [sidecar, sealed]))?.finishedAt).toBe(ago(30));
    expect(initEnd(behind('Failed', [{ name: 'vault', state: exit(0) }, unbegun]))).toBeUndefined();
  });

  test('explains what its peers say, and not a crash that came before', () => {
    const peer = (reason: string, code: number, seconds: number) => worker(1, reported(reason, code, ago(seconds)));
    const failed = behind('Failed', [sealed]);
    expect(judged([failed, peer('Interrupted', 143, 40)])).toMatchObject({ failure: cannotStart });
    expect(judged([failed, peer('Crashed', 1, 20)])).toMatchObject({ failure: cannotStart });
    expect(judged([failed, peer('Crashed', 1, 40)])).toMatchObject({ failure: { reason: 'Crashed' } });
  });

  test('was interrupted where somebody had deleted it, as when its peer had failed', () => {
    const deleted = leaving(behind('Failed', [sealed]));
    const interrupted = { reason: 'Interrupted', weight: 'counted', message: expect.stringContaining('deleted') };
    expect(judged([deleted])).toMatchObject({ failure: interrupted });
    const peer = worker(1, reported('DataMissing', 66, ago(20)));
    expect(judged([deleted, peer])).toMatchObject({ failure: { reason: 'DataMissing' } });
  });

  test.each([
    ['NodeShutdown', 'Preempted'],
    ['UnexpectedAdmissionError', 'NotAdmitted'],
    ['DeadlineExceeded', 'WorkerLost'],
  ])('is explained by the kubelet where that says %s', (reason, expected) => {
    const failed = behind('Failed', [sealed]);
    expect(judged([{ ...failed, status: { ...failed.status, reason } }])).toMatchObject({
      failure: { reason: expected },
    });
  });

  test('is looked for again more and more seldom, without end, and no retry is spent', () => {
    const root = (looks: number) =>
      after(
        [
          ...Array.from({ length: looks }, (_, at) => pastAttempt(at + 1, 'Waiting', 0)),
          { ...open, number: looks + 1 },
        ],
        { retry: { limit: 0 } },
      );
    const failedAgain = (looks: number) => {
      const { metadata, status } = behind('Failed', [sealed]);
      const own = worker(0, status, looks + 1);
      const jobs = [attemptJob(looks + 1, 'Failed')];
      return plan({ root: root(looks), jobs, pods: [{ ...own, metadata: { ...metadata, ...own.metadata } }] });
    };
    const state = { kind: 'waiting', reason: 'CannotStart', message: expect.stringContaining('vault is sealed') };
    const waits = [0, 1, 2, 5, 40].map((looks) => {
      expect(failedAgain(looks)).toMatchObject({ state, apply: [] });
      return failedAgain(looks).next;
    });
    const paused = [10_000, 20_000, 40_000, 300_000, 300_000].map((afterMs) => ({ kind: 'recheck', afterMs }));
    expect(waits).toEqual(paused);
    const recorded = failedAgain(0).attempts.map((attempt) => ({ ...attempt, endedAt: ago(10) }));
    expect(recorded).toMatchObject([{ outcome: 'Waiting', reason: 'CannotStart', pod }]);
    expect(namesMade({ root: after(recorded, { retry: { limit: 0 } }) })).toContain(teacherAttempt(2));
  });
});

describe('a pod that is kept from the scheduler', () => {
  const gated = (reason: string): Pod =>
    keptPod(
      worker(0, {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason, message: 'Scheduling is blocked' }],
      }),
    );

  test('waits for who has set its gates, who is told', () => {
    const which = `kubectl get pod ${pod} -n default -o jsonpath={.spec.schedulingGates}`;
    const message = `${pod}: Scheduling is blocked; whoever has set its gates has to lift them (${which})`;
    expect(judged([gated('SchedulingGated')])).toEqual({ kind: 'starting', reason: 'Unschedulable', message });
  });

  test('for want of room has no gates', () => {
    expect([gateText(gated('Unschedulable')), gateText(worker(0, runningStatus))]).toEqual([undefined, undefined]);
  });
});
