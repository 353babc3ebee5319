/** Plans that did not come to pass, and how many may be so: whatever never comes would be survived by anything. */
import type { Fault, FaultPlan, Perturbation, WriteAt } from './plan.ts';

const waitedFor = ({ faults }: FaultPlan): readonly WriteAt[] =>
  faults.flatMap((fault) => ('write' in fault ? [fault.write] : fault.kind === 'answer' ? [fault.from] : []));

/** Positions of the writes that a plan waits for; none where it waits for none, or for one by name. */
const writesOf = (plan: FaultPlan): readonly number[] => waitedFor(plan).filter((at) => typeof at === 'number');

/** Plans name the first removal of a kind alone, and only where the operator removes such in every run. */
const isForRemoval = (plan: FaultPlan): boolean =>
  waitedFor(plan).some((at) => typeof at === 'object' && at.verb === 'DELETE' && at.nth === 1);

/** What two looks have to say may be said at once, or not: so many writes less may a run make than others. */
const give = 2;

export interface Missed {
  /** Nothing but the number of writes decides about these, and there were enough. */
  readonly sure: readonly FaultPlan[];
  /** Of these it depends on how the run goes on, or on what a watch tells. */
  readonly others: readonly FaultPlan[];
}

/**
 * Until something befalls it, a run makes the writes of one without faults: `fewest` of those that were made. The last of
 * all that were planned for need not come.
 */
export function missed(plans: readonly FaultPlan[], idle: readonly FaultPlan[], fewest: number): Missed {
  const last = Math.max(0, ...plans.flatMap(writesOf));
  const isSure = (plan: FaultPlan): boolean => {
    if (isForRemoval(plan)) return true;
    const [write = Infinity, ...more] = writesOf(plan);
    return more.length === 0 && write <= fewest - give && !plan.faults.some(waitsForFrames);
  };
  const isLast = (plan: FaultPlan): boolean => last > 0 && Math.max(0, ...writesOf(plan)) === last;
  return { sure: idle.filter(isSure), others: idle.filter((plan) => !isSure(plan) && !isLast(plan)) };
}

/** Of one kind there may be nothing that is held back. */
const waitsForFrames = (fault: Fault): boolean => fault.kind === 'takeover' && fault.lagging !== 'everything';

/** In the recovery from a crash there may be few writes left. The last frames of each kind depend on how a run goes. */
export function idleAtMost(perturbation: Perturbation, plans: number): number {
  if (certain.includes(perturbation)) return Math.floor(plans / 5);
  return perturbation === 'double crash' ? Math.floor((3 * plans) / 5) : Math.floor((plans + 1) / 3);
}
const certain: readonly Perturbation[] = [
  ...(['crash', 'takeover', 'delete', 'delete and recreate', 'upgrade', 'upgrade and back', 'write answers'] as const),
  ...(['watch', 'credentials', 'quota', 'terminating namespace', 'absence'] as const),
];
