/** The table at the end. Pure: summary → text. */
import type { Measured, ReplicaPoint, Summary } from './summary.ts';

const share = (value: number): string => value.toFixed(3);
const seconds = (value: number | null): string => (value === null ? 'never' : `${value.toFixed(1)} s`);
const kibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;

/** Columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const measuredRow = (name: string, measured: Measured, rest: readonly string[]): readonly string[] => [
  name,
  share(measured.accuracy),
  `${share(measured.accuracyLow)}-${share(measured.accuracyHigh)}`,
  share(measured.macroRecall),
  share(measured.macroF1),
  String(measured.n),
  ...rest,
];

function models({ teacher, student, control }: Summary): readonly string[] {
  return columns([
    ['model', 'accuracy', '95 % interval', 'macro recall', 'macro F1', 'n', 'size', 'trained in'],
    measuredRow('teacher', teacher, [kibibytes(teacher.sizeBytes), seconds(teacher.seconds)]),
    measuredRow('student', student, [kibibytes(student.sizeBytes), seconds(student.seconds)]),
    measuredRow('control', control, ['', '']),
  ]);
}

/** Replicas over time, as short as it can be said: `0 s: 0 · 1.2 s: 1`. */
export function timelineText(points: readonly ReplicaPoint[]): string {
  const changes = points.filter((point, at) => point.ready !== points[at - 1]?.ready);
  return changes.map(({ seconds: at, ready }) => `${at.toFixed(1)} s: ${ready}`).join(' · ');
}

function serving({ student, teacher, heldOut, coldStart, requests, scale, restarts }: Summary): readonly string[] {
  const smaller = `1/${(teacher.sizeBytes / student.sizeBytes).toFixed(1)} of the teacher's size`;
  return columns([
    [
      'gain by distillation',
      `${signed(student.gainOverControl)} accuracy over the same student without the teacher; ${smaller}`,
    ],
    ['agreement with the teacher', share(student.teacherAgreement)],
    ['held-out digits, served', `${heldOut.correct} of ${heldOut.n} right (${share(heldOut.accuracy)})`],
    ['cold start, first request', `${seconds(coldStart.seconds)} from ${coldStart.replicasBefore} replicas`],
    ['requests', `${requests.sent} sent, ${requests.answered} answered, ${requests.failed} failed`],
    [
      'scale-up',
      `${seconds(scale.upSeconds)}; at the peak ${scale.peakReady} ready replicas, ${scale.onGpu} on GPUs (simulated on this node unless it has real ones)`,
    ],
    ['scale-to-zero', `${seconds(scale.toZeroSeconds)} after the last request`],
    ['ready replicas over time', timelineText(scale.timeline)],
    ['restarted containers', String(restarts)],
  ]);
}

/** The whole table. */
export const tableOf = (summary: Summary): string => [...models(summary), '', ...serving(summary)].join('\n');
