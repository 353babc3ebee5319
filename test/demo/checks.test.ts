import { describe, expect, test } from '@jest/globals';
import { brokenPromises } from '../../demo/checks.ts';
import type { Summary } from '../../demo/summary.ts';
import { summary } from './a-summary.ts';

const { teacher, student, control, heldOut, coldStart, requests, scale } = summary;

describe('brokenPromises', () => {
  test('says nothing when all is well', () => {
    expect(brokenPromises(summary)).toEqual([]);
  });

  test.each<[string, Partial<Summary>, string]>([
    ['a weak teacher', { teacher: { ...teacher, accuracy: 0.9 } }, "The teacher's accuracy is 90.0 %"],
    [
      'a weak student',
      { student: { ...student, accuracy: 0.8 }, heldOut: { ...heldOut, accuracy: 0.8 } },
      "The student's accuracy is 80.0 %, below 90.0 % (n=360).",
    ],
    ['a loss by distillation', { student: { ...student, gainOverControl: -0.01 } }, 'Distillation lost 1.0 %'],
    ['a student without an artefact', { student: { ...student, sizeBytes: 0 } }, 'is not smaller'],
    ['a control on other samples', { control: { ...control, n: 10 } }, 'The control was measured on 10 samples'],
    [
      'figures that are none',
      { teacher: { ...teacher, macroF1: NaN }, control: { ...control, accuracyLow: NaN } },
      'No number was measured for teacher.macroF1, control.accuracyLow.',
    ],
    ['a student as large as its teacher', { student: { ...student, sizeBytes: 40_960 } }, 'is not smaller'],
    ['another accuracy when served', { heldOut: { n: 360, correct: 300, accuracy: 0.8333 } }, '300 of 360'],
    ['other samples when served', { heldOut: { ...heldOut, n: 359 } }, 'of 359 held-out digits'],
    ['a warm start', { coldStart: { ...coldStart, replicasBefore: 1 } }, 'found 1 replicas'],
    ['another answer when warm', { coldStart: { ...coldStart, answerWarm: 1 } }, 'answered 7 cold and 1 warm'],
    [
      'failed requests',
      { requests: { ...requests, answered: 999, failed: 1, reasons: ['HTTP 503: full'] } },
      '1 of 1000 requests failed: HTTP 503: full.',
    ],
    ['lost requests', { requests: { ...requests, answered: 990 } }, '10 were neither answered nor failed'],
    ['wrong answers', { requests: { ...requests, wrong: 2 } }, '2 requests were answered differently'],
    ['no scale-up', { scale: { ...scale, upSeconds: null, peakReady: 1 } }, 'The load brought 1 ready replicas'],
    ['replicas without a GPU', { scale: { ...scale, onGpu: 0 } }, 'Only 0 replicas held a GPU'],
    ['no way back to zero', { scale: { ...scale, toZeroSeconds: null } }, 'did not return to zero'],
    ['a restart', { restarts: 1 }, '1 containers of operator'],
  ])('names %s', (_, spoilt, sentence) => {
    const broken = brokenPromises({ ...summary, ...spoilt });
    expect(broken).toHaveLength(1);
    expect(broken[0]).toContain(sentence);
  });

  test('names what is not a number and what it should have been', () => {
    expect(brokenPromises({ ...summary, student: { ...student, gainOverControl: NaN } })).toEqual([
      'No number was measured for student.gainOverControl.',
      expect.stringContaining('Distillation lost'),
    ]);
  });
});
