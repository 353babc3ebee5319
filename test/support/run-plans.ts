/** What is planned for the run of the teacher, for tests. */
import type { TrainingJob } from '../../operator/api/resources.ts';
import { configOf } from '../../operator/training/desired.ts';
import { planRun } from '../../operator/workloads/plan-run.ts';
import type { Attempt, RunObserved } from '../../operator/workloads/run.ts';
import { ago, now, seen, teacherJob } from './runs.ts';

/** The first attempt, a minute old. */
export const open: Attempt = { number: 1, startedAt: ago(60), profile: 'cpu' };

/** The teacher after these attempts. */
export const after = (attempts: readonly Attempt[], spec: Partial<TrainingJob['spec']> = {}): TrainingJob =>
  teacherJob(spec, { attempts });

/** After a look at its run. */
export const plan = (more: Partial<RunObserved>) => planRun(seen(more), configOf(teacherJob().spec), now);

/** Of what a plan makes. */
export const namesMade = (more: Partial<RunObserved>): readonly string[] =>
  plan(more).apply.map(({ object }) => object.metadata.name);
