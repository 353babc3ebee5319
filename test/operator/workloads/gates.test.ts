import { expect, test } from '@jest/globals';
import { judgeGates } from '../../../operator/workloads/gates.ts';

const measured = { accuracy: 0.95, macroRecall: 0.94, gainOverControl: undefined };
const gate = (metric: string, atLeast: number) => ({ metric, atLeast });

test.each([
  ['no gate', [], true, 'The model is exported; there are no gates.'],
  ['a gate that holds exactly', [gate('accuracy', 0.95)], true, 'accuracy 0.95 ≥ 0.95 (n=359).'],
  [
    'one of two that does not hold',
    [gate('accuracy', 0.9), gate('macroRecall', 0.95)],
    false,
    'macroRecall is 0.94, at least 0.95 is wanted (n=359).',
  ],
  [
    'a gate on what was not measured',
    [gate('gainOverControl', 0)],
    false,
    'gainOverControl was not measured, at least 0 is wanted (n=359).',
  ],
  [
    'a gate on a word nobody knows',
    [gate('beauty', 0)],
    false,
    'beauty was not measured, at least 0 is wanted (n=359).',
  ],
])('%s', (_, gates, met, message) => {
  expect(judgeGates(gates, measured, 359)).toEqual({ met, message });
});
