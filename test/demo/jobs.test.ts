import { describe, expect, test } from '@jest/globals';
import { finished, jobWords, measured, trained, type JobStatus } from '../../demo/jobs.ts';

const condition = (type: string, status: 'True' | 'False' | 'Unknown', message = '') => ({
  ...{ type, status, message, reason: 'Because', lastTransitionTime: '2024-01-01T00:00:00Z' },
});

const metrics = {
  samples: 360,
  accuracy: { value: 0.9, low: 0.8, high: 0.95 },
  macroRecall: { value: 0.9 },
  macroF1: { value: 0.89 },
};

describe('jobWords', () => {
  test.each<[JobStatus, string]>([
    [{}, 'not seen by the operator yet'],
    [{ phase: 'Running', progress: '43%', attemptCount: 1 }, 'Running, 43%'],
    [{ phase: 'Running', attemptCount: 2 }, 'Running, attempt 2'],
    [
      { phase: 'Waiting', conditions: [condition('Accepted', 'Unknown', 'the teacher is not there')] },
      'Waiting: the teacher is not there',
    ],
  ])('%j', (status, words) => {
    expect(jobWords(status)).toBe(words);
  });
});

describe('finished', () => {
  test('undefined while the job runs', () => {
    expect(finished('tj/a', {})).toBeUndefined();
    expect(finished('tj/a', { phase: 'Running', conditions: [condition('Succeeded', 'Unknown')] })).toBeUndefined();
  });

  test('the status once it succeeded', () => {
    const status: JobStatus = { phase: 'Succeeded', conditions: [condition('Succeeded', 'True')] };
    expect(finished('tj/a', status)).toBe(status);
  });

  test.each<JobStatus>([
    { phase: 'Failed', conditions: [condition('Succeeded', 'False', 'accuracy 0.4 is below 0.9')] },
    { phase: 'Refused', conditions: [condition('Accepted', 'False', 'accuracy 0.4 is below 0.9')] },
  ])('throws the reason of $phase', (status) => {
    expect(() => finished('tj/a', status)).toThrow('tj/a did not succeed');
    expect(() => finished('tj/a', status)).toThrow('accuracy 0.4 is below 0.9');
  });
});

test('trained has figures, size and attempts', () => {
  const artefact = { uri: 's3://b/m', sha256: 'a', sizeBytes: 123, inputs: [], outputs: [] };
  expect(trained({ metrics, artefact, attemptCount: 2 }, 4.5, 'teacher')).toEqual({
    ...{ n: 360, accuracy: 0.9, accuracyLow: 0.8, accuracyHigh: 0.95, macroRecall: 0.9, macroF1: 0.89 },
    ...{ sizeBytes: 123, attempts: 2, seconds: 4.5 },
  });
  expect(() => measured(undefined, 'control')).toThrow('no metrics of the control');
});
