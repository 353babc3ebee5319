import { describe, expect, test } from '@jest/globals';
import { endOfWorker, isHeldOpen, isOver, outcomeOf } from '../../../operator/api/worker.ts';
import { ended, heldOpen, justEnded, runningStatus, waitingFor, worker } from '../../support/runs.ts';

const [good, bad] = [ended({ exitCode: 0 }), ended({ exitCode: 1 })];
const proxy = { name: 'proxy', state: { terminated: { exitCode: 1 } } };

describe('a worker', () => {
  test.each([
    ['that has no pod status yet', undefined, undefined, false, false],
    ['that cannot start', waitingFor('ErrImagePull'), undefined, false, false],
    ['at work', runningStatus, undefined, false, false],
    ['at work beside a container that runs on', heldOpen(runningStatus), undefined, false, false],
    [
      'at work beside a container that ended',
      { ...runningStatus, containerStatuses: [proxy] },
      undefined,
      false,
      false,
    ],
    ['that ended well', good, 'succeeded', true, false],
    ['that ended well, which the phase does not say yet', justEnded(good), 'succeeded', false, false],
    ['that ended well beside a container that runs on', heldOpen(good), 'succeeded', false, true],
    ['that failed', bad, 'failed', true, false],
    ['that failed, which the phase does not say yet', justEnded(bad), 'failed', false, false],
    ['that failed beside a container that runs on', heldOpen(bad), 'failed', false, true],
    ['that was evicted before it ran', { phase: 'Failed' as const, reason: 'Evicted' }, 'failed', true, false],
    ['of which nothing is left but the phase', { phase: 'Succeeded' as const }, 'succeeded', true, false],
  ])('%s', (_, status, outcome, over, open) => {
    const pod = worker(0, status);
    expect([outcomeOf(pod), isOver(pod), isHeldOpen(pod)]).toEqual([outcome, over, open]);
  });

  test('is told by its name: the end of another container is not its own', () => {
    const [ours] = bad?.containerStatuses ?? [];
    const pod = worker(0, { phase: 'Failed', containerStatuses: [proxy, ...(ours === undefined ? [] : [ours])] });
    expect(endOfWorker(pod)).toBe(ours?.state?.terminated);
    expect(endOfWorker(worker(0, { phase: 'Failed', containerStatuses: [proxy] }))).toBeUndefined();
  });
});
