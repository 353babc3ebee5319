import { expect, test } from '@jest/globals';
import { judgeGates, type Gate, type Measured } from '../../../operator/workloads/gates.ts';

const accuracy = { value: 0.95, low: 0.9234, high: 0.97, n: 359 };
const logLoss = { value: 0.123456, n: 359 };
const worst = { value: 0.914286, low: 0.77, high: 0.97, n: 35, class: '8' };

type Case = readonly [what: string, gate: Gate, measured: Measured | undefined, met: boolean, message: string];
const cases: readonly Case[] = [
  [
    'a floor that holds exactly',
    { metric: 'accuracy', atLeast: 0.95 },
    accuracy,
    true,
    'accuracy 0.95 ≥ 0.95 (95 % 0.923 to 0.97, n=359).',
  ],
  [
    'a floor that does not hold',
    { metric: 'accuracy', atLeast: 0.9501 },
    accuracy,
    false,
    'accuracy is 0.95, at least 0.9501 is wanted (95 % 0.923 to 0.97, n=359).',
  ],
  [
    'a ceiling that holds exactly',
    { metric: 'logLoss', atMost: 0.123456 },
    logLoss,
    true,
    'logLoss 0.123456 ≤ 0.123456 (n=359).',
  ],
  [
    'a ceiling that does not hold',
    { metric: 'logLoss', atMost: 0.1 },
    logLoss,
    false,
    'logLoss is 0.123456, at most 0.1 is wanted (n=359).',
  ],
  [
    'a floor under every class names the worst',
    { metric: 'recall', atLeast: 0.95 },
    worst,
    false,
    'recall of class 8 is 0.914286, at least 0.95 is wanted (95 % 0.77 to 0.97, n=35).',
  ],
  [
    'a floor under one class',
    { metric: 'recall', class: '8', atLeast: 0.9 },
    worst,
    true,
    'recall of class 8 0.914286 ≥ 0.9 (95 % 0.77 to 0.97, n=35).',
  ],
  [
    'what was not measured',
    { metric: 'f1', class: 'x', atLeast: 0 },
    undefined,
    false,
    'f1 of class x was not measured, at least 0 is wanted.',
  ],
  [
    'a ceiling over nothing',
    { metric: 'rmse', atMost: 1 },
    undefined,
    false,
    'rmse was not measured, at most 1 is wanted.',
  ],
  [
    'no bound at all',
    { metric: 'accuracy' },
    accuracy,
    false,
    'accuracy is 0.95, at least undefined is wanted (95 % 0.923 to 0.97, n=359).',
  ],
];

test.each(cases)('%s', (_, gate, measured, met, message) => {
  expect(judgeGates([gate], [measured])).toEqual({ met, message });
});

test('without gates every finished run is good enough', () => {
  expect(judgeGates([], [])).toEqual({ met: true, message: 'The model is exported; there are no gates.' });
});

test('of several gates those that do not hold are named, and where all hold, all', () => {
  const gates: readonly Gate[] = [
    { metric: 'logLoss', atMost: 0.1 },
    { metric: 'accuracy', atLeast: 0.9 },
    { metric: 'recall', atLeast: 0.92 },
  ];
  const { met, message } = judgeGates(gates, [logLoss, accuracy, worst]);
  expect(met).toBe(false);
  expect(message).toMatch(/^logLoss is .*; recall of class 8 is .*\.$/);
  expect(judgeGates(gates.slice(1), [accuracy, { ...worst, value: 0.92 }]).message).toMatch(
    /^accuracy 0\.95 ≥ 0\.9 .*, recall of class 8 0\.92 ≥ 0\.92 .*\.$/,
  );
});
