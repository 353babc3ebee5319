import { expect, test } from '@jest/globals';
import {
  bytesOf,
  findModel,
  findProfile,
  referenceOf,
  referenceText,
  type ModelJob,
} from '../../../operator/serving/validate.ts';
import { artefact, distillation, node, service, settings, succeeded } from './support.ts';

const byJob = { model: { distillationJob: { name: 'student' } } };
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
  expect(findProfile(service(), settings, [node()], 0)).toMatchObject({ ok: true, name: 'gpu' });
  expect(findProfile(service(), settings, [], 0)).toMatchObject({
    obstacle: { kind: 'waiting', reason: 'NoNodeFits' },
  });
  const none = { ...settings, gpuProfiles: { cpu: {} } };
  expect(findProfile(service(), none, [node()], 0)).toMatchObject({
    obstacle: { kind: 'refused', reason: 'ProfileUnknown' },
  });
});

const gibibyte = 2 ** 30;
const small = { resourceName: 'nvidia.com/gpu', count: 2, memoryGiB: 2 };
const large = { ...small, memoryGiB: 80 };
const two = { ...settings, gpuProfiles: { small, large } };
const either = service({ placement: { ...service().spec.placement, gpuProfiles: ['small', 'large'] } });

test.each([
  ['fits', 2 * gibibyte, 'small'],
  ['does not fit the first, however many devices that has,', 2 * gibibyte + 1, 'large'],
])('a model that %s goes where a device holds it', (_name, bytes, name) => {
  expect(findProfile(either, two, [node()], bytes)).toMatchObject({ ok: true, name });
});

test('a model that no device holds is refused with all numbers, also where no node is known', () => {
  expect(findProfile(either, two, [], 90 * gibibyte)).toEqual({
    ok: false,
    obstacle: {
      ...{ kind: 'refused', reason: 'ModelTooLarge' },
      message:
        "the model's file has 90.0 GiB, more than the GPU memory of each profile named (2.0 GiB of small, 80.0 GiB of large); name one with more, or serve a smaller model",
    },
  });
});

test('the size of a model is known from the job that made it, of the very artefact', () => {
  const made = distillation({ ...succeeded, artefact: { ...succeeded.artefact, sizeBytes: 7 } });
  expect(bytesOf(artefact, made)).toBe(7);
  expect(bytesOf({ ...artefact, sha256: 'e'.repeat(64) }, made)).toBe(0);
  expect(bytesOf(artefact, undefined)).toBe(0);
});
