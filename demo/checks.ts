/** The promises that the demo is there to keep. Pure: summary → one sentence per broken one. */
import { enoughReplicas, type Measured, type Summary } from './summary.ts';

type Check = (summary: Summary) => string | undefined;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const bounded = (name: string, measured: Measured, atLeast: number): string | undefined =>
  measured.accuracy >= atLeast
    ? undefined
    : `The ${name}'s accuracy is ${percent(measured.accuracy)}, below ${percent(atLeast)} (n=${measured.n}).`;

/** Where a figure is, and that it is none: a share that nobody measured keeps every bound. */
function figureless(value: unknown, path: string): readonly string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    figureless(member, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`),
  );
}

const checks: readonly Check[] = [
  (summary) => {
    const without = figureless(summary, '');
    return without.length === 0 ? undefined : `No number was measured for ${without.join(', ')}.`;
  },
  ({ teacher }) => bounded('teacher', teacher, 0.95),
  ({ student }) => bounded('student', student, 0.9),
  ({ control, student }) =>
    control.n === student.n
      ? undefined
      : `The control was measured on ${control.n} samples, the student on ${student.n}.`,
  ({ student }) =>
    student.gainOverControl >= 0
      ? undefined
      : `Distillation lost ${percent(-student.gainOverControl)} against the same student without the teacher.`,
  ({ student, teacher }) =>
    student.sizeBytes > 0 && student.sizeBytes < teacher.sizeBytes
      ? undefined
      : `The student (${student.sizeBytes} bytes) is not smaller than its teacher (${teacher.sizeBytes}).`,
  ({ heldOut, student }) =>
    heldOut.n === student.n && Math.abs(heldOut.accuracy - student.accuracy) < 1e-6
      ? undefined
      : `Through the gateway ${heldOut.correct} of ${heldOut.n} held-out digits are right (${percent(heldOut.accuracy)}), but the job measured ${percent(student.accuracy)} of ${student.n}.`,
  ({ coldStart }) =>
    coldStart.replicasBefore === 0
      ? undefined
      : `The first request found ${coldStart.replicasBefore} replicas; it should have found none.`,
  ({ coldStart }) =>
    coldStart.answer === coldStart.answerWarm
      ? undefined
      : `The first digit was answered ${coldStart.answer} cold and ${coldStart.answerWarm} warm.`,
  ({ requests }) =>
    requests.failed === 0
      ? undefined
      : `${requests.failed} of ${requests.sent} requests failed: ${requests.reasons.join('; ')}.`,
  ({ requests }) =>
    requests.sent === requests.answered + requests.failed
      ? undefined
      : `Of ${requests.sent} requests, ${requests.sent - requests.answered - requests.failed} were neither answered nor failed.`,
  ({ requests }) =>
    requests.wrong === 0 ? undefined : `${requests.wrong} requests were answered differently under load.`,
  ({ scale }) =>
    scale.upSeconds === null
      ? `The load brought ${scale.peakReady} ready replicas; at least ${enoughReplicas} were wanted.`
      : undefined,
  ({ scale }) =>
    scale.onGpu >= enoughReplicas
      ? undefined
      : `Only ${scale.onGpu} replicas held a GPU at the peak; at least ${enoughReplicas} were wanted.`,
  ({ scale }) => (scale.toZeroSeconds === null ? 'The idle service did not return to zero replicas.' : undefined),
  ({ restarts }) =>
    restarts === 0
      ? undefined
      : `${restarts} containers of operator, gateway, store or server ended by themselves and were restarted.`,
];

/** One sentence for each promise that was not kept; empty: all is well. */
export const brokenPromises = (summary: Summary): readonly string[] =>
  checks.map((check) => check(summary)).filter((sentence) => sentence !== undefined);
