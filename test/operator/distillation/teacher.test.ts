import { expect, test } from '@jest/globals';
import { labels } from '../../../operator/api/names.ts';
import type { TrainingJob } from '../../../operator/api/resources.ts';
import { teacherOf } from '../../../operator/distillation/teacher.ts';
import { ago, seen, studentJob, teacherJob } from '../../support/runs.ts';

const artefact = { uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) };
const other = { uri: 's3://limbeck/models/def', sha256: 'd'.repeat(64) };
const whole = { ...artefact, sizeBytes: 1, inputs: [], outputs: [] };
const verdict = (status: 'True' | 'False' | 'Unknown') => [
  { type: 'Succeeded', status, reason: 'GateNotMet', message: 'too bad.', lastTransitionTime: ago(1) },
];
const find = (trainingJob: TrainingJob | undefined, root = studentJob()) =>
  teacherOf({ ...seen(), label: labels.distillationJob, root, trainingJob });

test.each([
  ['does not exist', undefined, { ok: false, reason: 'TeacherNotFound' }],
  ['is new', teacherJob(), { ok: false, reason: 'TeacherNotReady' }],
  ['is at work', teacherJob({}, { conditions: verdict('Unknown') }), { ok: false, reason: 'TeacherNotReady' }],
  [
    'is exported but not good enough',
    teacherJob({}, { artefact: whole, conditions: verdict('False') }),
    { ok: false, reason: 'TeacherFailed' },
  ],
  ['succeeded', teacherJob({}, { artefact: whole, conditions: verdict('True') }), { ok: true, ...artefact }],
])('a teacher that %s', (_, job, found) => {
  expect(find(job)).toMatchObject(found);
});

const refusal = verdict('False').map((found) => ({ ...found, type: 'Accepted', message: 'no such profile.' }));

test.each([
  [{}, 'TrainingJob digits-teacher has not succeeded yet (new).'],
  [{ phase: 'Running' }, 'TrainingJob digits-teacher has not succeeded yet (Running).'],
  [{ phase: 'Suspended' }, 'TrainingJob digits-teacher is suspended; it goes on when its spec.suspend is false.'],
  [
    { phase: 'Refused', conditions: refusal },
    'TrainingJob digits-teacher is refused: no such profile. Replace it by one that can be trained.',
  ],
] as const)('of a teacher that is not ready it is told whom that needs: %j', (status, message) => {
  expect(find(teacherJob({}, status))).toMatchObject({ reason: 'TeacherNotReady', message });
});

test('a failure is told with its figures and the remedy', () => {
  expect(find(teacherJob({}, { conditions: verdict('False') }))).toMatchObject({
    message: 'TrainingJob digits-teacher failed (GateNotMet): too bad. Replace it by one that succeeds.',
  });
});

test('an artefact that is named outright is taken at its word', () => {
  expect(find(undefined, studentJob({ teacher: { artefact } }))).toEqual({ ok: true, ...artefact });
});

test('a run goes on with the teacher that it began with', () => {
  const newer = teacherJob({}, { artefact: { ...whole, ...other }, conditions: verdict('True') });
  expect(find(newer, studentJob({}, { teacherArtefact: artefact }))).toEqual({ ok: true, ...artefact });
  expect(find(undefined, studentJob({}, { teacherArtefact: artefact }))).toEqual({ ok: true, ...artefact });
});
