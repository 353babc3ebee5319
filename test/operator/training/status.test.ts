import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import type { TrainingJobStatus } from '../../../operator/api/generated.ts';
import type { TrainingJob } from '../../../operator/api/resources.ts';
import type { TrainingStatus } from '../../../operator/training/observed.ts';
import { parseResult, type TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import type { RunState } from '../../../operator/workloads/run-state.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { statusOf } from '../../../operator/training/status.ts';
import { statusFaults } from '../../support/crd-status.ts';
import { after, open } from '../../support/run-plans.ts';
import {
  attemptJob,
  ended,
  failureText,
  feeds,
  now,
  runningStatus,
  seen,
  settings,
  success,
  teacherJob,
  waitingFor,
  worker,
} from '../../support/runs.ts';

const stored = (planned: TrainingStatus): TrainingJob['status'] =>
  JSON.parse(JSON.stringify(planned)) as TrainingJobStatus;
const result = parseResult(JSON.stringify(success)) as TrainerSuccess;
const status = (state: RunState) =>
  statusOf(
    { ...seen(), root: teacherJob() },
    { state, attempts: [], apply: [], remove: [], next: { kind: 'settled' } },
    now,
  );

test('a model is described before it is trained, and measured after', () => {
  expect(status({ kind: 'running', message: 'm' })).toMatchObject({ phase: 'Running', model: 'cnn 16-32/64' });
  expect('artefact' in status({ kind: 'running', message: 'm' })).toBe(false);
  const { artefact } = success;
  expect(status({ kind: 'succeeded', result })).toMatchObject({
    artefact,
    metric: 'accuracy 0.980',
    metrics: { samples: 359, accuracy: { value: 0.98, low: 0.96, high: 0.99 } },
  });
});

test('the lineage names the tokenizer where the trainer has told of one, and no teacher', () => {
  const [tokenizerSha256, teacherSha256] = ['e'.repeat(64), 'f'.repeat(64)];
  const lineage = { ...success.lineage, tokenizerSha256, teacherSha256 };
  const told = parseResult(JSON.stringify({ ...success, lineage }));
  const lineages = [told as TrainerSuccess, result].map((one) => status({ kind: 'succeeded', result: one }).lineage);
  expect(lineages).toEqual([
    { ...success.lineage, tokenizerSha256, image: 'trainer:1' },
    { ...success.lineage, image: 'trainer:1' },
  ]);
  const faults = lineages.flatMap((one) => statusFaults('trainingjobs')({ lineage: one }));
  expect(faults.filter((fault) => JSON.stringify(fault).includes('lineage'))).toEqual([]);
});

test('whatever pods say, the status is one that the API server takes', () => {
  const faultsOf = statusFaults('trainingjobs');
  const reconciler = trainingReconciler(settings, feeds);
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('long 😀 '.repeat(900)));
  const result = fc
    .record({ uri: text, torch: text, steps: fc.oneof(fc.integer(), fc.double()), mood: fc.option(text) })
    .map(({ uri, torch, mood, ...more }) => {
      const [artefact, lineage] = [
        { ...success.artefact, uri },
        { ...success.lineage, torch },
      ];
      return JSON.stringify({ ...success, artefact, lineage, ...more, ...(mood === null ? {} : { mood }) });
    });
  const message = fc.oneof(
    text,
    result,
    text.map((words) => failureText('Crashed', words)),
  );
  const status = fc.oneof<fc.Arbitrary<Pod['status']>[]>(
    fc.constant(runningStatus),
    fc.record({ exitCode: fc.integer({ min: 0, max: 255 }), message }).map(ended),
    fc.tuple(fc.constantFrom('ErrImagePull', 'InvalidImageName'), text).map(([word, words]) => waitingFor(word, words)),
    text.map((words) => ({ phase: 'Failed', reason: 'Evicted', message: words })),
    text.map((words) => ({
      ...runningStatus,
      conditions: [{ type: 'DisruptionTarget', status: 'True', message: words }],
    })),
  );
  fc.assert(
    fc.property(fc.array(status, { maxLength: 2 }), (statuses) => {
      const pods = statuses.map((value, index) => worker(index, value));
      const root = after([open]);
      const first = reconciler.plan({ ...seen({ jobs: [attemptJob(1)], pods }), root }, now).status;
      const next = reconciler.plan(
        { ...seen({ jobs: [attemptJob(1)], pods }), root: teacherJob({}, stored(first)) },
        now,
      );
      expect([first, next.status].flatMap(faultsOf)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
