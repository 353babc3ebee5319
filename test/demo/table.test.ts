import { describe, expect, test } from '@jest/globals';
import { columns, tableOf, timelineText } from '../../demo/table.ts';
import { summary } from './a-summary.ts';

describe('tableOf', () => {
  test('has every figure of the summary', () => {
    expect(tableOf(summary).split('\n')).toEqual([
      'model    accuracy  95 % interval  macro recall  macro F1  n    size      trained in',
      'teacher  0.980     0.950-0.985    0.969         0.968     360  40.0 KiB  21.0 s',
      'student  0.970     0.950-0.985    0.969         0.968     360  8.0 KiB   12.0 s',
      'control  0.939     0.950-0.985    0.969         0.968     360',
      '',
      "gain by distillation        +0.031 accuracy over the same student without the teacher; 1/5.0 of the teacher's size",
      'agreement with the teacher  0.961',
      'held-out digits, served     349 of 360 right (0.970)',
      'cold start, first request   1.8 s from 0 replicas',
      'requests                    1000 sent, 1000 answered, 0 failed',
      'scale-up                    3.2 s; at the peak 4 ready replicas, 4 on GPUs (simulated on this node unless it has real ones)',
      'scale-to-zero               11.5 s after the last request',
      'ready replicas over time    0.0 s: 0 · 1.8 s: 1 · 9.0 s: 4',
      'restarted containers        0',
    ]);
  });

  test('says what never happened', () => {
    const table = tableOf({ ...summary, scale: { ...summary.scale, upSeconds: null, toZeroSeconds: null } });
    expect(table).toContain('never; at the peak');
    expect(table).toContain('never after the last request');
  });
});

test('columns are as wide as their widest cell', () => {
  expect(
    columns([
      ['a', 'b'],
      ['long', ''],
    ]),
  ).toEqual(['a     b', 'long']);
});

test('the timeline tells changes of ready replicas alone', () => {
  const point = (seconds: number, ready: number) => ({ seconds, replicas: 4, ready });
  expect(timelineText([point(0, 0), point(1, 0), point(2, 1), point(3, 1), point(4, 0)])).toBe(
    '0.0 s: 0 · 2.0 s: 1 · 4.0 s: 0',
  );
});
