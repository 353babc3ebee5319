/** A summary that keeps every promise; tests spoil one part at a time. */
import type { Summary } from '../../demo/summary.ts';

const measured = { n: 360, accuracy: 0.97, accuracyLow: 0.95, accuracyHigh: 0.985, macroRecall: 0.969, macroF1: 0.968 };

export const summary: Summary = {
  startedAt: '2024-01-01T00:00:00.000Z',
  seconds: 120.4,
  teacher: { ...measured, accuracy: 0.98, sizeBytes: 40_960, attempts: 1, seconds: 21.04 },
  student: { ...measured, sizeBytes: 8_192, attempts: 1, seconds: 12, teacherAgreement: 0.961, gainOverControl: 0.031 },
  control: { ...measured, accuracy: 0.939 },
  heldOut: { n: 360, correct: 349, accuracy: 0.97 },
  coldStart: { replicasBefore: 0, seconds: 1.84, answer: 7, answerWarm: 7 },
  requests: { sent: 1000, answered: 1000, failed: 0, wrong: 0, reasons: [] },
  scale: {
    peakReady: 4,
    onGpu: 4,
    upSeconds: 3.21,
    toZeroSeconds: 11.5,
    timeline: [
      { seconds: 0, replicas: 0, ready: 0 },
      { seconds: 0.4, replicas: 1, ready: 0 },
      { seconds: 1.8, replicas: 1, ready: 1 },
      { seconds: 9, replicas: 4, ready: 4 },
    ],
  },
  restarts: 0,
};
