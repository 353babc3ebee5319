import { expect, test } from '@jest/globals';
import { scalingCondition } from '../../../operator/workloads/scaling.ts';

const of = (processes: number, scalingEfficiency?: number) => ({
  ...({ strategy: 'ddp', reason: 'It fits.', processes } as const),
  ...(scalingEfficiency === undefined ? {} : { scalingEfficiency }),
});

test.each([
  ['is unknown', undefined],
  ['is not measured', of(2)],
  ['has one process', of(1, 1)],
] as const)('nothing is said of a distribution that %s', (_, distribution) => {
  expect(scalingCondition(distribution, undefined)).toBeUndefined();
});

test.each([
  ['two that are as fast as one', of(2, 0.5), undefined, 'True FasterTogether'],
  ['two that are slower than one', of(2, 0.499), undefined, 'False SlowerThanOneWorker'],
  ['eight at the same efficiency', of(8, 0.499), undefined, 'True FasterTogether'],
  ['a slow group that is hardly faster now', of(2, 0.52), 'False', 'False SlowerThanOneWorker'],
  ['a slow group that is clearly faster now', of(2, 0.53), 'False', 'True FasterTogether'],
  ['a fast group that is hardly faster now', of(2, 0.52), 'True', 'True FasterTogether'],
] as const)('%s: %#', (_, distribution, before, expected) => {
  const is = scalingCondition(distribution, before === undefined ? undefined : { status: before });
  expect(`${is?.status ?? ''} ${is?.reason ?? ''}`).toBe(expected);
});

test('the sentence has the figures, and a remedy where one is needed', () => {
  expect(scalingCondition(of(2, 0.9), undefined)?.message).toBe(
    '2 processes train 1.80 times as fast as one alone (scaling efficiency 0.90).',
  );
  expect(scalingCondition(of(4, 0.2), undefined)?.message).toContain(
    'fewer workers, or a larger optimization.batchSize',
  );
});
