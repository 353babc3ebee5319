/** All plans of a perturbation for a scenario, from what a run without faults did. */
import { crashMoments, watchFaults, type Fault, type FaultPlan } from './plan.ts';
import type { Outcome } from './run.ts';

export const perturbations = [
  ...['crash', 'double crash', 'delete', 'delete and recreate', 'upgrade', 'write answers'],
  ...['watch', 'stale cache', 'unobserved', 'time travel'],
] as const;
export type Perturbation = (typeof perturbations)[number];

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Kinds whose frames matter to a plan, and how many of each a run sees at least. */
const framesOf = ({ frames }: Outcome): readonly (readonly [string, number])[] =>
  [...frames].filter(([resource]) => resource !== 'nodes' && resource !== 'endpointslices');

const writeAnswers: readonly Fault[] = [
  { kind: 'answer', status: 409, every: 2, times: 6, committed: false },
  { kind: 'answer', status: 500, every: 2, times: 6, committed: true },
  { kind: 'answer', status: 504, every: 1, times: 5, committed: true },
  { kind: 'answer', status: 403, every: 1, times: 4, committed: false },
  { kind: 'answer', status: 429, every: 1, times: 3, committed: false },
];

function faultsOf(perturbation: Perturbation, reference: Outcome): readonly (readonly Fault[])[] {
  const writes = numbers(reference.writes);
  const frames = framesOf(reference).flatMap(([resource, count]) =>
    numbers(Math.max(1, count - 1)).map((frame) => ({ resource, frame })),
  );
  switch (perturbation) {
    case 'crash':
      return writes.flatMap((write) => crashMoments.map((moment) => [{ kind: 'crash', write, moment } as const]));
    case 'double crash':
      // A crash, and another at the first or third write of the recovery.
      return writes.flatMap((write, index) => {
        const first = { kind: 'crash', write, moment: 'committed' } as const;
        const moment = crashMoments[index % crashMoments.length] ?? 'after';
        return [1, 3].map((later) => [first, { kind: 'crash', write: write + later, moment } as const]);
      });
    case 'delete':
      return writes.map((write) => [{ kind: 'delete', write, recreate: false }]);
    case 'delete and recreate':
      return writes.map((write) => [{ kind: 'delete', write, recreate: true }]);
    case 'upgrade':
      return writes.map((write) => [{ kind: 'upgrade', write }]);
    case 'write answers':
      return writeAnswers.map((fault) => [fault]);
    case 'stale cache':
      return frames.map((at) => [{ kind: 'stale', ...at, forMs: 1500 }]);
    case 'unobserved':
      return frames.map((at) => [{ kind: 'unobserved', ...at, forMs: 1000 }]);
    case 'time travel':
      return frames.map(({ resource, frame }) => [
        { kind: 'time travel', resource, from: frame, to: frame + 1, forMs: 800 },
      ]);
    case 'watch':
      return watchFaults.map((how) => [{ kind: 'watch', how }]);
  }
}

export const plansFor = (perturbation: Perturbation, scenario: string, reference: Outcome): readonly FaultPlan[] =>
  faultsOf(perturbation, reference).map((faults) => ({ scenario, faults }));

/**
 * A few of a life's plans: half of the perturbations, the other half for the next life, and of each one plan in 24 and
 * at least one.
 */
export function sampleOf(plans: readonly FaultPlan[], perturbation: Perturbation, life: number): readonly FaultPlan[] {
  const turn = perturbations.indexOf(perturbation);
  if (turn % 2 !== life % 2) return [];
  const every = Math.min(24, Math.max(1, plans.length));
  return plans.filter((_, index) => index % every === turn % every);
}
