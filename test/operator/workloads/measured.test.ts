import { expect, test } from '@jest/globals';
import type { Metrics, TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import {
  evaluationConfig,
  measuredOf,
  metricText,
  statusClassMetrics,
  statusHeadline,
  statusMetrics,
} from '../../../operator/workloads/measured.ts';
import { metrics, success } from '../../support/runs.ts';

const gates = [
  { metric: 'recall', atLeast: 0.8 },
  { metric: 'accuracy', atLeast: 0.9 },
  { metric: 'f1', class: 'seven', atLeast: 0.9 },
];
const classMetrics = [
  { class: 'eight', n: 35, value: 0.9, low: 0.8, high: 0.95 },
  { class: 'seven', n: 36, value: 0.95 },
];
const result: TrainerSuccess = { ...success, outcome: 'succeeded', classMetrics };

test('the trainer is asked for the figures of classes that gates bound, and for nothing where none does', () => {
  expect(evaluationConfig(gates)).toEqual({
    evaluation: { classMetrics: [{ metric: 'recall' }, { metric: 'f1', class: 'seven' }] },
  });
  expect(evaluationConfig([{ metric: 'accuracy', atLeast: 0.9 }])).toEqual({});
});

test('every gate gets the value that it bounds', () => {
  expect(measuredOf(gates, result)).toEqual([classMetrics[0], { ...metrics.accuracy, n: 359 }, classMetrics[1]]);
});

test('a share beside the metrics is found by its name; what nobody measured is missing', () => {
  const named = ['teacherAgreement', 'gainOverControl', 'rmse', 'toString'].map((metric) => ({ metric, atLeast: 0 }));
  expect(measuredOf(named, result, { teacherAgreement: 0.9, gainOverControl: undefined })).toEqual([
    { value: 0.9, n: 359 },
    undefined,
    undefined,
    undefined,
  ]);
});

test('a trainer that answers fewer class figures than it was asked for leaves the rest unmeasured', () => {
  const [first, , last] = measuredOf(gates, { ...result, classMetrics: classMetrics.slice(0, 1) });
  expect([first, last]).toEqual([classMetrics[0], undefined]);
});

test('the status has the metrics, and whose figure was bounded', () => {
  expect(statusMetrics(metrics)).toEqual({ ...metrics, n: undefined, samples: 359 });
  expect(statusHeadline(metrics)).toEqual({
    ...{ samples: 359, accuracy: metrics.accuracy, macroRecall: metrics.macroRecall },
  });
  expect(statusClassMetrics(gates, result)).toEqual({
    classMetrics: [
      { metric: 'recall', class: 'eight', samples: 35, value: 0.9, low: 0.8, high: 0.95 },
      { metric: 'f1', class: 'seven', samples: 36, value: 0.95 },
    ],
  });
  expect(statusClassMetrics([], { ...success, outcome: 'succeeded' })).toEqual({});
});

test.each<[what: string, metrics: Metrics, text: string | undefined]>([
  ['a classifier by its accuracy', { n: 9, accuracy: { value: 0.98321 }, logLoss: { value: 1 } }, 'accuracy 0.983'],
  ['a regression by its error', { n: 9, rmse: { value: 12.3456 }, r2: { value: 0.5 } }, 'rmse 12.35'],
  ['an error beyond measure', { n: 9, rmse: { value: 1.23456e-300 } }, 'rmse 1.235e-300'],
  ['a language model by its perplexity', { n: 9, perplexity: { value: 12.3456 } }, 'perplexity 12.35'],
  ['nothing that is known', { n: 9 }, undefined],
])('the column shows %s', (_, measured, text) => {
  expect(metricText(measured)).toBe(text);
  expect((metricText(measured) ?? '').length).toBeLessThanOrEqual(32);
});
