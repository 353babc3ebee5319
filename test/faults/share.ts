/** Lives that take part in some perturbations alone are tried with some of their plans alone: a part of what all others take. */
import type { FaultPlan, Perturbation } from './plan.ts';
import { isPaged } from './plans.ts';
import type { Scenario } from './scenario.ts';

/** Of how many plans such as this one is taken. */
function oneIn(perturbation: Perturbation, { faults }: FaultPlan): number {
  switch (perturbation) {
    // Neither is a multiple of how many plans there are for one write.
    case 'takeover':
      return 3;
    case 'crash':
      return 2;
    // Nothing that befalls watches or answers is like another, and what else a life holds it meets by each of them.
    case 'watch':
    case 'write answers':
      return faults.some(isPaged) ? few : faults.some(isLate) ? 2 : 1;
    default:
      return few;
  }
}

const few = 5;

/** In a life that is under way: there are two such plans where there is one of the same sort that begins at once. */
const isLate = (fault: FaultPlan['faults'][number]): boolean =>
  fault.kind === 'answer' && typeof fault.from === 'number' && fault.from !== fault.every;

/** `turn`: the number of the life, so that each life takes others of the same plans; of every sort of them one at least. */
export function shareOf(
  { perturbations }: Pick<Scenario, 'perturbations'>,
  turn: number,
  perturbation: Perturbation,
  plans: readonly FaultPlan[],
): readonly FaultPlan[] {
  if (perturbations === undefined) return plans;
  return [...Map.groupBy(plans, (plan) => oneIn(perturbation, plan))].flatMap(([every, alike]) =>
    alike.filter((_, index) => index % every === turn % Math.min(every, alike.length)),
  );
}
