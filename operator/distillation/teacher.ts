/** Which artefact teaches. Once an attempt has begun the teacher is fixed: every attempt learns from the same one. Pure. */
import type { TrainingJob } from '../api/resources.ts';
import type { Reason } from '../api/vocabulary.ts';
import type { DistillationObserved } from './observed.ts';

export interface Teacher {
  readonly ok: true;
  readonly uri: string;
  readonly sha256: string;
}

export type TeacherFound =
  Teacher | { readonly ok: false; readonly reason: Extract<Reason, `Teacher${string}`>; readonly message: string };

/** The teacher's artefact, or what it is waited for. */
export function teacherOf({ root, trainingJob }: DistillationObserved): TeacherFound {
  const { teacher } = root.spec;
  const fixed = root.status?.teacherArtefact;
  if (fixed !== undefined) return { ok: true, uri: fixed.uri, sha256: fixed.sha256 };
  if ('artefact' in teacher) return { ok: true, ...teacher.artefact };
  return artefactOf(trainingJob, teacher.trainingJob.name);
}

function artefactOf(job: TrainingJob | undefined, name: string): TeacherFound {
  if (job === undefined) {
    return { ok: false, reason: 'TeacherNotFound', message: `There is no TrainingJob ${name} in this namespace yet.` };
  }
  const verdict = job.status?.conditions?.find(({ type }) => type === 'Succeeded');
  if (verdict?.status === 'False') {
    const message = `TrainingJob ${name} failed (${verdict.reason}): ${verdict.message} Replace it by one that succeeds.`;
    return { ok: false, reason: 'TeacherFailed', message };
  }
  const artefact = job.status?.artefact;
  if (verdict?.status === 'True' && artefact !== undefined) {
    return { ok: true, uri: artefact.uri, sha256: artefact.sha256 };
  }
  return { ok: false, reason: 'TeacherNotReady', message: notReady(job, name) };
}

/** Whose turn it is: a teacher that is refused or suspended needs somebody, one that trains or waits goes on by itself. */
function notReady({ status }: TrainingJob, name: string): string {
  const phase = status?.phase ?? 'new';
  if (phase !== 'Refused' && phase !== 'Suspended') return `TrainingJob ${name} has not succeeded yet (${phase}).`;
  if (phase === 'Suspended') return `TrainingJob ${name} is suspended; it goes on when its spec.suspend is false.`;
  const why = status?.conditions?.find(({ type }) => type === 'Accepted')?.message;
  return `TrainingJob ${name} is refused${why === undefined ? '.' : `: ${why}`} Replace it by one that can be trained.`;
}
