import { expect, test } from '@jest/globals';
import { verdicts } from '../../../bench/operator/goals.ts';
import type { Resident, Scale } from '../../../bench/operator/scale.ts';

const waited = { over: 0, upTo: 1 };

const resident: Resident = {
  ...{ syncSeconds: 5, syncCpuSeconds: 5, peakMiB: 300, settledMiB: 250 },
  ...{ restCpuPercent: 5, laterRestCpuPercent: 0.4, restWrites: 0, restPasses: 0 },
  ...{ firstWaitedP99Seconds: waited, lateWaitedP99Seconds: waited, lateCallsPerPass: 1 },
};

const among: Scale = {
  ...{ jobs: 5000, pods: 10_000, few: 100, fewPeakMiB: 130, grownPeakMiB: 320, grownMiB: 270 },
  ...{ limbeck: resident, reference: resident },
};

const memory = (more: Partial<Scale>) =>
  verdicts({ rate: undefined, jobs: 1000, bursts: [], among: { ...among, ...more } })
    .filter(({ goal }) => goal.includes(' MB '))
    .map(({ verdict, found }) => [verdict, found]);

test.each<[what: string, more: Partial<Scale>, few: string, many: string]>([
  ['within both bounds', {}, 'reached', 'reached'],
  ['429 MiB, which are 450 MB', { grownPeakMiB: 429 }, 'reached', 'reached'],
  ['430 MiB, which are 451 MB', { grownPeakMiB: 430 }, 'reached', 'missed'],
  ['144 MiB of few, which are 151 MB', { fewPeakMiB: 144 }, 'missed', 'reached'],
  ['a peak at the start among all', { limbeck: { ...resident, peakMiB: 430 } }, 'reached', 'missed'],
  ['no peak, however much is left', { grownMiB: 440 }, 'reached', 'reached'],
  ['less than all of it', { jobs: 500 }, 'reached', 'not tried'],
])('memory is judged by its peak, in MB: %s', (_, more, few, many) => {
  expect(memory(more).map(([verdict]) => verdict)).toEqual([few, many]);
});

test('what was found is told in MB', () => {
  expect(memory({})).toEqual([
    ['reached', '136 MB at the most, at 100'],
    ['reached', '336 MB at the most, at 5000 and 10000 pods'],
  ]);
});
