/** All plans of a perturbation for a scenario, from what a run without faults did. */
import { crashMoments, watchFaults, type Fault, type FaultPlan } from './plan.ts';
import type { Outcome } from './run.ts';

/** Survived by every plan, as far as they were run: a sample of them is what runs without LIMBECK_FAULTS=all. */
const survived = ['crash', 'double crash', 'delete', 'upgrade', 'write answers', 'watch'] as const;
/** Not survived by every plan yet; docs/reliability.md says which, and why. */
const open = ['delete and recreate', 'stale cache', 'unobserved', 'time travel'] as const;

export const perturbationsOf = (all: boolean): readonly string[] => (all ? [...survived, ...open] : survived);

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

function faultsOf(perturbation: string, reference: Outcome): readonly (readonly Fault[])[] {
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
    default:
      throw new Error(`no such perturbation: ${perturbation}`);
  }
}

export const plansFor = (perturbation: string, scenario: string, reference: Outcome): readonly FaultPlan[] =>
  faultsOf(perturbation, reference).map((faults) => ({ scenario, faults }));
