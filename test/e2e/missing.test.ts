/** What is missing is named and waited for; none of it restarts a process of ours. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { DistillationJob, TrainingJob } from '../../operator/api/resources.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import {
  copyModel,
  inTrainer,
  ours,
  placement,
  serving,
  stored,
  training,
  untilCondition,
  uploadDigits,
} from './lab.ts';
import { unrestarted } from './unrestarted.ts';
import { namespaces } from './world.ts';

const order = new Kubectl(namespaces.order);
const folder = `s3://limbeck/e2e/${randomUUID()}`;
const { lab, verify } = unrestarted(order);

const student = (name: string, teacher: object): object =>
  ours('DistillationJob', name, {
    teacher,
    student: { linear: {} },
    data: { source: { builtin: 'digits' } },
    optimization: { learningRate: 0.01, epochs: 5 },
    placement,
  });

describe('what is missing', () => {
  const accepted = (name: readonly [string, string], reason: string): Promise<string> =>
    untilCondition(order, name, ['Accepted', 'Unknown', reason], 90);

  test('is named, whoever waits for it', async () => {
    await order.applyObject(serving('served', { distillationJob: { name: 'student' } }));
    expect(await accepted(['msvc', 'served'], 'ModelNotFound')).toContain('distillationjob/student does not exist');
    await order.applyObject(student('student', { trainingJob: { name: 'teacher' } }));
    expect(await accepted(['dj', 'student'], 'TeacherNotFound')).toContain('no TrainingJob teacher');
    expect(await accepted(['msvc', 'served'], 'ModelNotReady')).toContain('distillationjob/student');
    await order.applyObject(training('teacher', stored(`${folder}/digits.npz`)));
    expect(await accepted(['tj', 'teacher'], 'DataMissing')).toContain(`${folder}/digits.npz does not exist`);
    expect(await accepted(['dj', 'student'], 'TeacherNotReady')).toContain('teacher');
  });

  test('lets everybody go on by themselves when it appears', async () => {
    await inTrainer(order, lab().images.trainer, uploadDigits, `${folder}/digits.npz`);
    expect(await untilCondition(order, ['tj', 'teacher'], ['Succeeded', 'True'], 120)).toContain('exported');
    await untilCondition(order, ['dj', 'student'], ['Succeeded', 'True'], 90);
    await untilCondition(order, ['msvc', 'served'], ['Ready', 'True'], 60);
  });

  test('may also be an artefact in the store, of a service or of a teacher', async () => {
    const [{ status }] = [(await order.get<TrainingJob>('tj', 'teacher')) ?? { status: undefined }];
    const { uri = '', sha256 = '' } = status?.artefact ?? {};
    // A name like any other: no variable of a container is put into it, and nobody is told the key of the store.
    const model = `${folder}/$(AWS_SECRET_ACCESS_KEY)`;
    const later = { artefact: { uri: model, sha256 } };
    await order.applyObject(serving('later', later));
    await order.applyObject(student('later', later));
    const message = await accepted(['dj', 'later'], 'TeacherMissing');
    expect(message).toContain(model);
    expect(await accepted(['msvc', 'later'], 'ArtefactMissing')).toContain(model);
    await inTrainer(order, lab().images.trainer, copyModel, model, uri);
    await untilCondition(order, ['msvc', 'later'], ['Ready', 'True'], 90);
    await untilCondition(order, ['dj', 'later'], ['Succeeded', 'True'], 120);
    const job = await order.get<DistillationJob>('dj', 'later');
    expect(job?.status?.attempts?.map(({ outcome }) => outcome)).toContain('Waiting');
  });
});

test('none of it restarts a process of ours', verify);
