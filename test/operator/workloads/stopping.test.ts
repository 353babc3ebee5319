import { describe, expect, test } from '@jest/globals';
import type { Node, Pod } from '../../../operator/api/kubernetes.ts';
import type { Attempt } from '../../../operator/workloads/run.ts';
import { stopping } from '../../../operator/workloads/stopping.ts';
import { after, plan } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  node,
  now,
  pastAttempt,
  reported,
  runningStatus,
  teacherAttempt,
  worker,
} from '../../support/runs.ts';

/** A worker whose grace period ended so many seconds ago, on a node. */
const leaving = (seconds: number, index = 0): Pod => {
  const pod = worker(index, runningStatus);
  const metadata = { ...pod.metadata, deletionTimestamp: ago(seconds), deletionGracePeriodSeconds: 45 };
  return { ...pod, metadata, spec: { nodeName: 'one' } };
};
const nodeOf = (ready: string): Node => ({ ...node(), status: { conditions: [{ type: 'Ready', status: ready }] } });
const name = `${teacherAttempt(1)}-0`;
const podsStopping = (pods: readonly Pod[], nodes: readonly Node[], at: Date) =>
  stopping({ pods, jobs: [] }, nodes, at);
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

describe('pods that are waited for', () => {
  test('are waited for in peace within their grace period, and a minute beyond it', () => {
    for (const pods of [[worker(0, runningStatus)], [leaving(-45)], [leaving(59)]]) {
      const { reason, message } = podsStopping(pods, [node()], now).state;
      expect([reason, message]).toEqual([
        'PodsStopping',
        "Waiting until the last attempt's pods are gone (1 are left).",
      ]);
    }
  });

  test('are looked at again when that is over, and every minute from then on', () => {
    const lookAfter = (...pods: readonly Pod[]) => (podsStopping(pods, [], now).lookAtMs ?? NaN) - now.getTime();
    expect([lookAfter(leaving(-45)), lookAfter(leaving(59), leaving(20, 1)), lookAfter(leaving(60))]).toEqual([
      105_000, 1000, 60_000,
    ]);
    expect(podsStopping([worker(0, runningStatus)], [], now).lookAtMs).toBeUndefined();
  });

  test('are named from then on, with their node and what to do, in the same words whenever it is looked at', () => {
    const nodes = [nodeOf('Unknown')];
    const { state } = podsStopping([leaving(61, 1), leaving(60)], nodes, now);
    const off = 'kubectl taint nodes one node.kubernetes.io/out-of-service=nodeshutdown:NoExecute';
    expect(state).toEqual({
      ...{ kind: 'restarting', reason: 'PodsStuck' },
      message:
        "Waiting until the last attempt's pods are gone (2 are left). " +
        `Pod ${name} was to end over a minute ago on node one, which is not ready. Once the node is known to be off: ` +
        `taint it (${off}), or kubectl delete pod ${name} -n default --force --grace-period=0`,
    });
    for (const seconds of [60, 3600])
      expect(podsStopping([leaving(60), leaving(61, 1)], nodes, later(seconds)).state).toEqual(state);
  });

  test.each([
    ['True', 'on node one, which is ready.'],
    ['False', 'on node one, which is not ready.'],
    [undefined, 'on node one.'],
  ])('are told with the health of a node where that is known: %s', (ready, words) => {
    const nodes = ready === undefined ? [] : [nodeOf(ready)];
    expect(podsStopping([leaving(60)], nodes, now).state.message).toContain(words);
  });

  test('are named at once where their Job was deleted and they were spared: nobody will end them', () => {
    const pod = worker(0, runningStatus);
    const orphan = { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } };
    const { state } = podsStopping([orphan, worker(1, runningStatus)], [], now);
    expect(state).toMatchObject({
      reason: 'PodsStuck',
      message: expect.stringContaining(`kubectl delete pod ${name}`),
    });
  });

  test('keep the next attempt from starting, which the run says', () => {
    const root = after([pastAttempt(1, 'Preempted', 60)]);
    const planned = (seconds: number) => plan({ root, pods: [leaving(seconds)] });
    expect(planned(0)).toMatchObject({ state: { reason: 'PodsStopping' }, next: { kind: 'recheck', afterMs: 60_000 } });
    expect(planned(60)).toMatchObject({
      ...{ state: { kind: 'restarting', reason: 'PodsStuck' }, apply: [], remove: [] },
      next: { kind: 'recheck', afterMs: 60_000 },
    });
  });
});

test('a worker that nobody can end is lost, and what it leaves keeps the next attempt from starting, by name', () => {
  const pods = [worker(0, reported('PeerLost', 75, ago(120))), leaving(60, 1)];
  const planned = (attempts: readonly Attempt[]) =>
    plan({ root: after(attempts), jobs: [attemptJob(1, 'FailureTarget')], pods });
  const { attempts, apply } = planned([{ number: 1, startedAt: ago(600) }]);
  expect([attempts, apply]).toMatchObject([[{ outcome: 'Failed', reason: 'WorkerLost' }], []]);
  expect(planned(attempts)).toMatchObject({
    state: { reason: 'PodsStuck', message: expect.stringContaining(`Pod ${teacherAttempt(1)}-1 was to end`) },
    ...{ apply: [], remove: [] },
  });
});

describe('a Job that somebody holds', () => {
  /** Deleted so many seconds ago. */
  const held = (seconds: number, finalizers?: readonly string[]) => {
    const job = attemptJob(1);
    const leavingMeta = { deletionTimestamp: ago(seconds), ...(finalizers === undefined ? {} : { finalizers }) };
    return { ...job, metadata: { ...job.metadata, ...leavingMeta } };
  };

  test('is waited for in peace for a minute, and then named with its finalizers', () => {
    const told = (seconds: number) => stopping({ pods: [], jobs: [held(seconds, ['example.com/audit'])] }, [], now);
    expect(told(59)).toMatchObject({ state: { reason: 'PodsStopping' }, lookAtMs: now.getTime() + 1000 });
    expect(told(60)).toMatchObject({ state: { reason: 'PodsStuck' }, lookAtMs: now.getTime() + 60_000 });
    expect(told(60).state.message).toContain(
      `Job ${teacherAttempt(1)} was to be gone over a minute ago, held by its finalizers example.com/audit`,
    );
  });

  test('keeps the next attempt from starting, which the run says', () => {
    const planned = plan({ root: after([pastAttempt(1, 'Preempted', 60)]), jobs: [held(60)] });
    expect(planned).toMatchObject({ state: { reason: 'PodsStuck' }, apply: [], next: { kind: 'recheck' } });
  });
});
