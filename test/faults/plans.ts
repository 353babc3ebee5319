/** All plans of a perturbation for a scenario, from what a run without faults did. */
import { crashMoments, credentials, watchFaults } from './plan.ts';
import type { CrashMoment, Fault, FaultPlan, Perturbation } from './plan.ts';
import type { Outcome } from './outcome.ts';

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Kinds whose frames matter to a plan, and how many of each a run sees at least. */
const framesOf = ({ frames }: Outcome): readonly (readonly [string, number])[] =>
  [...frames].filter(([resource]) => resource !== 'nodes' && resource !== 'endpointslices');

type Answer = Extract<Fault, { kind: 'answer' }>;

const answers: readonly Omit<Answer, 'from'>[] = [
  { kind: 'answer', status: 409, every: 2, times: 6, committed: false },
  { kind: 'answer', status: 500, every: 2, times: 6, committed: true },
  { kind: 'answer', status: 504, every: 1, times: 5, committed: true },
  { kind: 'answer', status: 403, every: 1, times: 4, committed: false },
  { kind: 'answer', status: 429, every: 1, times: 3, committed: false },
  // So that it comes to events as well.
  { kind: 'answer', status: 429, every: 5, times: 2, committed: false },
];

/** At the beginning of a life, from a third and from two thirds of it on, and from the first removal of each kind on. */
function answersOf({ writes, deeds }: Outcome): readonly Answer[] {
  const late = [Math.ceil(writes / 3), Math.ceil((2 * writes) / 3)];
  const removed = new Set(Object.keys(deeds).flatMap((deed) => /^delete (\w+)\//.exec(deed)?.[1] ?? []));
  const removals = [...removed].toSorted().map((resource) => ({ verb: 'DELETE', resource, nth: 1 }) as const);
  // The two that are late come in turns, so that who takes every other one meets them both.
  return answers.flatMap((answer, index) => {
    const numbered = new Set([answer.every, ...(index % 2 === 0 ? late : late.toReversed())]);
    return [...numbered, ...removals].map((from): Answer => ({ ...answer, from }));
  });
}

/** What a ResourceQuota calls the kinds that the operator makes, and the pods that others make for it. */
const counted: Readonly<Record<string, string>> = {
  services: 'count/services',
  jobs: 'count/jobs.batch',
  deployments: 'count/deployments.apps',
};

function quotasOf({ deeds }: Outcome): readonly string[] {
  const made = Object.keys(deeds).flatMap((deed) => counted[/^create (\w+)\//.exec(deed)?.[1] ?? ''] ?? []);
  return [...new Set([...made, 'pods'])];
}

/** At the first write, the last and one in between; the files are there at once, or the kubelet takes its time. */
const rotationsOf = ({ writes }: Outcome): readonly Fault[] =>
  [...new Set([1, Math.ceil(writes / 2), writes - 1])].flatMap((write, index) =>
    credentials.map((what) => ({ kind: 'rotated', what, write, lateMs: index % 2 === 0 ? 0 : 3000 }) as const),
  );

/** From each frame that a run is sure to see to the moment before it, or before one of some time ago. */
const travelsOf = (frames: readonly { readonly resource: string; readonly frame: number }[]) =>
  frames.map(({ resource, frame: to }, index) => ({
    resource,
    before: index % 2 === 0 ? to : Math.max(1, to - 3),
    to,
  }));

/** Now and then as often as it is refused at all. */
const refusedAtMost = 5;
const listsOf = (index: number): number => (index % 20 === 10 ? refusedAtMost : index % 5 === 0 ? 2 : 1);

function faultsOf(perturbation: Perturbation, reference: Outcome): readonly (readonly Fault[])[] {
  const writes = numbers(reference.writes);
  const talkative = framesOf(reference)
    .toSorted(([, one], [, other]) => other - one)
    .map(([resource]) => resource)
    .slice(0, 3);
  const frames = framesOf(reference).flatMap(([resource, count]) =>
    numbers(Math.max(1, count - 1)).map((frame) => ({ resource, frame })),
  );
  const travels = travelsOf(frames);
  switch (perturbation) {
    case 'crash':
      return writes.flatMap((write) => crashMoments.map((moment) => [{ kind: 'crash', write, moment } as const]));
    case 'double crash':
      // A crash, and another at the first or third write of the recovery, if there are as many.
      return writes.flatMap((write, index) => {
        const first = { kind: 'crash', write, moment: 'committed' } as const;
        const moment = crashMoments[index % crashMoments.length] ?? 'after';
        const again = [write + 1, write + 3].filter((later) => later <= reference.writes);
        return again.map((later) => [first, { kind: 'crash', write: later, moment } as const]);
      });
    case 'takeover':
      // All that is heard, and a kind of which much is.
      return writes.flatMap((write, index) =>
        ['everything', talkative[index % talkative.length]!].map((lagging) => [
          { kind: 'takeover', write, lagging, forMs: 1500 } as const,
        ]),
      );
    case 'delete':
      return writes.map((write) => [
        { kind: 'delete', write, recreate: false, ...(write % 2 === 0 ? { cascade: 'foreground' } : {}) } as const,
      ]);
    case 'delete and recreate':
      return writes.map((write) => [{ kind: 'delete', write, recreate: true }]);
    case 'upgrade':
      return writes.map((write) => [{ kind: 'release', write, to: 'next' }]);
    case 'upgrade and back':
      // At once, or when the new release has done a few things; where it does no more, at rest.
      return writes.map((write, index) => {
        const back = { kind: 'release', write: write + (index % 2 === 0 ? 1 : 3), to: 'former' } as const;
        return [{ kind: 'release', write, to: 'next' }, back];
      });
    case 'write answers':
      return answersOf(reference).map((fault) => [fault]);
    case 'stale cache':
      return frames.map((at) => [{ kind: 'stale', ...at, forMs: 1500 }]);
    case 'unobserved':
      return frames.map((at) => [{ kind: 'unobserved', ...at, forMs: 1000 }]);
    case 'time travel':
      // Who has heard of nothing yet knows nothing better.
      return travels
        .filter(({ to }) => to > 1)
        .map((at, index) => [{ kind: 'time travel', ...at, lists: listsOf(index) }]);
    case 'born in the past':
      return travels.map((at) => [{ kind: 'born in the past', ...at, forMs: 1500 }]);
    case 'credentials':
      return rotationsOf(reference).map((fault) => [fault]);
    case 'quota':
      return quotasOf(reference).map((counts) => [{ kind: 'quota', counts }]);
    case 'terminating namespace':
      return writes.filter((write) => write % 2 === 1).map((write) => [{ kind: 'terminate', write }]);
    case 'absence':
      return [[{ kind: 'absence' }]];
    case 'watch':
      return watchFaults.map((how) => [{ kind: 'watch', how }]);
  }
}

/** Where or how often something befalls; the rest of a fault is what it is. */
const places = new Set(['write', 'from', 'frame', 'before', 'to', 'lists', 'lateMs']);
/** What a plan has in common with those that differ from it by their places. */
export const sortOf = (faults: readonly Fault[]): string =>
  JSON.stringify(faults, (name, value: unknown) => (places.has(name) && typeof value !== 'string' ? undefined : value));

/** One plan in six, and at least one of each sort, is tried on an API server that lists in pages, too. */
function inPages(every: readonly (readonly Fault[])[]): readonly (readonly Fault[])[] {
  const sorts = [...Map.groupBy(every, sortOf).values()];
  // Each sort begins at another place.
  return sorts.flatMap((alike, turn) =>
    alike
      .filter((_, index) => index % 6 === turn % Math.min(6, alike.length))
      .map((faults) => [{ kind: 'pages' } as const, ...faults]),
  );
}

export const isPaged = ({ kind }: Fault): boolean => kind === 'pages';

export function plansFor(perturbation: Perturbation, scenario: string, reference: Outcome): readonly FaultPlan[] {
  const every = faultsOf(perturbation, reference);
  return [...every, ...inPages(every)].map((faults) => ({ scenario, faults }));
}

/** Of each of which one is sampled for a kind: crashes at each moment. */
const stripesOf = (plans: readonly FaultPlan[], perturbation: Perturbation): readonly (readonly FaultPlan[])[] =>
  perturbation === 'crash' ? crashMoments.map((moment) => plans.filter((plan) => isAtMoment(plan, moment))) : [plans];
const isAtMoment = ({ faults }: FaultPlan, moment: CrashMoment): boolean =>
  faults.some((fault) => fault.kind === 'crash' && fault.moment === moment);

/** The golden ratio: its multiples fall far apart whatever their number, so that perturbations meet different moments. */
const spread = (Math.sqrt(5) - 1) / 2;
/** Where nearly all writes of a short life depend on how fast it goes, those of its beginning must be among them. */
const candidatesAtMost = 9;

/**
 * For each seat a few plans of which the first that comes to pass is enough; the same in every run. `turn` tells apart
 * those who draw from lists of the same length.
 */
export function sampleOf(
  plans: readonly FaultPlan[],
  perturbation: Perturbation,
  turn: number,
): readonly (readonly FaultPlan[])[] {
  return stripesOf(plans, perturbation).map((stripe, seat) => {
    const start = Math.floor(stripe.length * ((spread * (turn + seat + 1)) % 1));
    return [...stripe.slice(start), ...stripe.slice(0, start)].slice(0, candidatesAtMost);
  });
}
