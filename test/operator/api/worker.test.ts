import { describe, expect, test } from '@jest/globals';
import {
  devicesOf,
  endOfWorker,
  heldOpenAtMs,
  isHeldOpen,
  isOver,
  lateAtMs,
  outcomeOf,
} from '../../../operator/api/worker.ts';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import {
  ago,
  besideProxy,
  ended,
  heldOpen,
  justEnded,
  now,
  onGpu,
  runningStatus,
  waitingFor,
  worker,
} from '../../support/runs.ts';

const [good, bad] = [ended({ exitCode: 0 }), ended({ exitCode: 1 })];
const proxy = { name: 'proxy', state: { terminated: { exitCode: 1 } } };
const evicted: Pod['status'] = { phase: 'Failed', reason: 'Evicted' };

describe('a worker', () => {
  test.each<[string, Pod['status'], 'succeeded' | 'failed' | undefined, boolean, boolean]>([
    ['that has no pod status yet', undefined, undefined, false, false],
    ['that cannot start', waitingFor('ErrImagePull'), undefined, false, false],
    ['at work', runningStatus, undefined, false, false],
    ['at work beside a container that runs on', besideProxy(runningStatus), undefined, false, false],
    ['at work beside one that ended', { ...runningStatus, containerStatuses: [proxy] }, undefined, false, false],
    ['that ended well', good, 'succeeded', true, false],
    ['that ended, which the kubelet is about to explain', justEnded(bad), undefined, false, false],
    ['that ended beside a container that may end, too', besideProxy(good), undefined, false, false],
    ['that ended well beside a container that runs on', heldOpen({ exitCode: 0 }), 'succeeded', false, true],
    ['that failed', bad, 'failed', true, false],
    ['that failed beside a container that runs on', heldOpen({ exitCode: 1 }), 'failed', false, true],
    ['that was evicted before it ran', evicted, 'failed', true, false],
    ['of which nothing is left but the phase', { phase: 'Succeeded' }, 'succeeded', true, false],
  ])('%s', (_, status, outcome, over, open) => {
    const pod = worker(0, status);
    expect([outcomeOf(pod, now), isOver(pod), isHeldOpen(pod, now)]).toEqual([outcome, over, open]);
  });

  test('is told by its name: the end of another container is not its own', () => {
    const [ours] = bad?.containerStatuses ?? [];
    const pod = worker(0, { phase: 'Failed', containerStatuses: [proxy, ...(ours === undefined ? [] : [ours])] });
    expect(endOfWorker(pod)).toBe(ours?.state?.terminated);
    expect(endOfWorker(worker(0, { phase: 'Failed', containerStatuses: [proxy] }))).toBeUndefined();
  });

  test('has the devices of its own container', () => {
    const pod = onGpu(worker(0, undefined));
    const [{ resources } = {}] = pod.spec?.containers ?? [];
    expect(devicesOf(pod)).toEqual({ 'nvidia.com/gpu': '1' });
    expect(devicesOf({ ...pod, spec: { containers: [{ name: 'proxy', ...(resources && { resources }) }] } })).toEqual(
      {},
    );
    expect(devicesOf(worker(0, undefined))).toEqual({});
  });

  test('that ended well has, whatever another container ends with', () => {
    const containerStatuses = [proxy, ...(good?.containerStatuses ?? [])];
    expect(outcomeOf(worker(0, { phase: 'Failed', containerStatuses }), now)).toBe('succeeded');
  });

  test('waits half a minute for others, and not for those that are told to end already', () => {
    const pod = worker(0, besideProxy(good));
    expect(heldOpenAtMs(pod)).toBe(now.getTime() + 29_000);
    const leaving = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: now.toISOString() } };
    expect(heldOpenAtMs(leaving)).toBeUndefined();
    expect(lateAtMs(leaving)).toBe(now.getTime() + 60_000);
    const timeless = worker(0, besideProxy(ended({ exitCode: 0, finishedAt: 'some day' })));
    expect(heldOpenAtMs(timeless)).toBeUndefined();
  });

  test.each([
    ['at work', runningStatus, undefined, undefined],
    ['that ended well beside a container that does not', besideProxy(good), undefined, 'succeeded'],
    ['that failed, which the kubelet does not explain', justEnded(bad), undefined, 'failed'],
  ])('%s is known by its own word alone where its pod is late to go', (_, status, inTime, late) => {
    const { metadata, ...pod } = worker(0, status);
    const outcome = (seconds: number) =>
      outcomeOf({ ...pod, metadata: { ...metadata, deletionTimestamp: ago(seconds) } }, now);
    expect([outcome(59), outcome(60)]).toEqual([inTime, late]);
  });
});
