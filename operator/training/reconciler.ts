/** TrainingJob, top to bottom: observe the job, its children and its pods; plan the next step of its run; report. */
import { labels } from '../api/names.ts';
import { trainingJobs, type TrainingJob } from '../api/resources.ts';
import { conditionTypes } from '../api/vocabulary.ts';
import type { TrainingJobStatus } from '../api/generated.ts';
import type { Key } from '../kernel/objects.ts';
import type { Cache, Plan, Reconciler } from '../kernel/reconcile.ts';
import { planFinished } from '../workloads/finished.ts';
import { finalLeftovers } from '../workloads/leftovers.ts';
import { observeRun, runIndexes, runWatches } from '../workloads/observe-run.ts';
import { planRun } from '../workloads/plan-run.ts';
import { runEvents } from '../workloads/run-status.ts';
import type { RunFeeds } from '../workloads/run.ts';
import type { Settings } from '../workloads/settings.ts';
import { configOf } from './desired.ts';
import type { TrainingObserved, TrainingStatus } from './observed.ts';
import { statusOf } from './status.ts';

/** The reconciler of TrainingJobs; pure apart from what `feeds` remembers. */
export const trainingReconciler = (
  settings: Settings,
  feeds: RunFeeds,
): Reconciler<TrainingJob, TrainingObserved, TrainingStatus> => ({
  name: 'trainingjob',
  resource: trainingJobs,
  watches: runWatches(labels.trainingJob, trainingJobs),
  indexes: runIndexes(labels.trainingJob, trainingJobs),
  conditionTypes: Object.keys(conditionTypes),
  observe: (cache, key) => observe(cache, key, settings, feeds),
  plan,
});

function observe(cache: Cache, key: Key, settings: Settings, feeds: RunFeeds): TrainingObserved | undefined {
  const root = cache.get(trainingJobs, key);
  if (root === undefined || root.metadata.deletionTimestamp !== undefined) return undefined;
  return { ...observeRun(cache, root, { label: labels.trainingJob, settings, feeds }), root };
}

function plan(observed: TrainingObserved, now: Date): Plan<TrainingStatus> {
  const { root } = observed;
  const finished = planFinished<TrainingJobStatus>(
    root,
    { resource: trainingJobs, ...finalLeftovers(observed, now) },
    now,
  );
  if (finished !== undefined) return finished;
  const run = planRun(observed, configOf(root.spec), now);
  const status = statusOf(observed, run, now);
  const { provided, apply, remove, next, statusWaits } = run;
  return { provided, apply, remove, status, statusWaits, events: runEvents(root.status, status), next };
}
