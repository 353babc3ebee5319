/** DistillationJob, top to bottom: find the teacher, plan the next step of the run that learns from it, report. */
import type { DistillationJobStatus } from '../api/generated.ts';
import { labels } from '../api/names.ts';
import { distillationJobs, trainingJobs, type DistillationJob } from '../api/resources.ts';
import { conditionTypes } from '../api/vocabulary.ts';
import type { Key } from '../kernel/objects.ts';
import type { Cache, Index, Plan, Reconciler, Watch } from '../kernel/reconcile.ts';
import { planFinished } from '../workloads/finished.ts';
import { finalLeftovers } from '../workloads/leftovers.ts';
import { observeRun, runIndexes, runWatches } from '../workloads/observe-run.ts';
import { planHold, planRun } from '../workloads/plan-run.ts';
import type { RunPlan } from '../workloads/run-state.ts';
import { runEvents } from '../workloads/run-status.ts';
import type { RunFeeds } from '../workloads/run.ts';
import type { Settings } from '../workloads/settings.ts';
import { configOf } from './desired.ts';
import type { DistillationObserved, DistillationStatus } from './observed.ts';
import { statusOf } from './status.ts';
import { teacherOf } from './teacher.ts';

const byTeacher: Index<DistillationJob> = {
  resource: distillationJobs,
  name: 'teacher',
  valuesOf: ({ metadata, spec }) =>
    'trainingJob' in spec.teacher ? [`${metadata.namespace ?? ''}/${spec.teacher.trainingJob.name}`] : [],
};

/** A teacher's every change is looked at by those who wait for it. */
const watchTeachers: Watch = {
  resource: trainingJobs,
  keysOf: ({ metadata }, cache) =>
    cache
      .byIndex(distillationJobs, byTeacher.name, `${metadata.namespace ?? ''}/${metadata.name}`)
      .map((job) => ({ namespace: job.metadata.namespace ?? '', name: job.metadata.name })),
};

/** The reconciler of DistillationJobs; pure apart from what `feeds` remembers. */
export const distillationReconciler = (
  settings: Settings,
  feeds: RunFeeds,
): Reconciler<DistillationJob, DistillationObserved, DistillationStatus> => ({
  name: 'distillationjob',
  resource: distillationJobs,
  watches: [...runWatches(labels.distillationJob, distillationJobs), watchTeachers],
  indexes: [...runIndexes(labels.distillationJob, distillationJobs), byTeacher],
  conditionTypes: Object.keys(conditionTypes),
  observe: (cache, key) => observe(cache, key, settings, feeds),
  plan,
});

function observe(cache: Cache, key: Key, settings: Settings, feeds: RunFeeds): DistillationObserved | undefined {
  const root = cache.get(distillationJobs, key);
  if (root === undefined || root.metadata.deletionTimestamp !== undefined) return undefined;
  const { teacher } = root.spec;
  const trainingJob =
    'trainingJob' in teacher
      ? cache.get(trainingJobs, { namespace: key.namespace, name: teacher.trainingJob.name })
      : undefined;
  const run = observeRun(cache, root, { label: labels.distillationJob, settings, feeds });
  return { ...run, root, trainingJob };
}

function plan(observed: DistillationObserved, now: Date): Plan<DistillationStatus> {
  const { root } = observed;
  const finished = planFinished<DistillationJobStatus>(
    root,
    { resource: distillationJobs, ...finalLeftovers(observed, now) },
    now,
  );
  if (finished !== undefined) return finished;
  const teacher = teacherOf(observed);
  const run = teacher.ok
    ? planRun(observed, configOf(root.spec, teacher), now)
    : waitForTeacher(observed, teacher, now);
  const status = statusOf(observed, run, teacher.ok ? teacher : undefined, now);
  const { provided, apply, remove, next, statusWaits } = isTeacherFixed(root)
    ? run
    : { ...run, apply: [], statusWaits: undefined };
  return { provided, apply, remove, status, statusWaits, events: runEvents(root.status, status), next };
}

/**
 * A teacher that is found by name is stored first, and learned from in the next pass: were the first attempt made in this
 * one, a crash before the status is stored would leave an attempt whose successors may learn from another teacher.
 */
const isTeacherFixed = ({ spec, status }: DistillationJob): boolean =>
  'artefact' in spec.teacher || status?.teacherArtefact !== undefined;

/** Woken by the teacher's next change. A teacher that goes away meanwhile stops the attempt that learns from it. */
const waitForTeacher = (
  observed: DistillationObserved,
  { reason, message }: Extract<ReturnType<typeof teacherOf>, { ok: false }>,
  now: Date,
): RunPlan => ({
  ...planHold(observed, now),
  state: { kind: 'waiting', reason, message },
  apply: [],
  next: { kind: 'settled' },
});
