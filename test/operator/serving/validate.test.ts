import { expect, test } from '@jest/globals';
import {
  findModel,
  findProfile,
  referenceOf,
  referenceText,
  type ModelJob,
} from '../../../operator/serving/validate.ts';
import { artefact, distillation, node, service, settings } from './support.ts';

const byJob = { model: { distillationJob: { name: 'student' } } };
const succeeded = { phase: 'Succeeded', artefact: { ...artefact, sizeBytes: 1, inputs: [], outputs: [] } };
const failed = { phase: 'Failed', conditions: [{ type: 'Succeeded', message: 'accuracy 0.4 is below 0.9' }] };

test.each<[string, ModelJob | undefined, string, string]>([
  ['no job yet', undefined, 'waiting ModelNotFound', 'distillationjob/student does not exist'],
  ['a job nobody looked at', distillation(), 'waiting ModelNotReady', '(new)'],
  ['a running job', distillation({ phase: 'Running' }), 'waiting ModelNotReady', '(Running)'],
  ['a failed job', distillation(failed), 'refused ModelFailed', 'failed: accuracy 0.4 is below 0.9'],
  ['a refused job', distillation({ phase: 'Refused' }), 'refused ModelFailed', 'student failed'],
  ['a failed job with an artefact', distillation({ ...succeeded, phase: 'Failed' }), 'refused ModelFailed', 'failed'],
])('%s is an obstacle', (_, job, expected, words) => {
  const found = findModel(service(byJob), job);
  if (found.ok) throw new Error('a model was found');
  expect(`${found.obstacle.kind} ${found.obstacle.reason}`).toBe(expected);
  expect(found.obstacle.message).toContain(words);
});

test('a succeeded job gives its artefact and no more than that', () => {
  expect(findModel(service(byJob), distillation(succeeded))).toEqual({ ok: true, artefact });
});

test.each<[string, ModelJob | undefined]>([
  ['was cleaned up', undefined],
  ['runs again', distillation({ phase: 'Running' })],
  ['failed the second time', distillation(failed)],
])('a model that was taken once is kept when the job %s', (_, job) => {
  const status = { model: 'distillationjob/student', artefact };
  expect(findModel(service(byJob, { status }), job)).toEqual({ ok: true, artefact });
});

test('a model that was taken from another job is not', () => {
  const status = { model: 'distillationjob/other', artefact };
  expect(findModel(service(byJob, { status }), undefined).ok).toBe(false);
});

test('references read as kind and name, or as the address', () => {
  const texts = [byJob, { model: { trainingJob: { name: 'teacher' } } }, { model: { artefact } }].map((spec) =>
    referenceText(referenceOf(service(spec).spec)),
  );
  expect(texts).toEqual(['distillationjob/student', 'trainingjob/teacher', artefact.uri]);
});

test('a profile that no node fits is waited for, an unknown one is refused', () => {
  expect(findProfile(service(), settings, [node()])).toMatchObject({ ok: true, name: 'gpu' });
  expect(findProfile(service(), settings, [])).toMatchObject({ obstacle: { kind: 'waiting', reason: 'NoNodeFits' } });
  const none = { ...settings, gpuProfiles: { cpu: {} } };
  expect(findProfile(service(), none, [node()])).toMatchObject({
    obstacle: { kind: 'refused', reason: 'ProfileUnknown' },
  });
});
