/** What is known of every worker → the attempts that hang. Pure. */
import { stallOf, type Heartbeat, type Stall } from './heartbeat.ts';
import type { Target } from './targets.ts';

/** A pod that is asked, and what is known of its life. */
export interface Beating {
  readonly target: Target;
  readonly heartbeat: Heartbeat | undefined;
}

/** An attempt that hangs; `target` is one of its workers. */
export interface Stalled {
  readonly target: Target;
  readonly stall: Stall;
}

/**
 * Workers of one attempt are judged together; who has never answered is left out. `settingOf`: retry.stallSeconds of the
 * job that a worker works for.
 */
export function stalledAmong(
  all: readonly Beating[],
  settingOf: (target: Target) => number | undefined,
): readonly Stalled[] {
  const members = all.flatMap(({ target, heartbeat }) => {
    const { worker } = target;
    return worker === undefined || heartbeat === undefined ? [] : [{ target, ...worker, heartbeat }];
  });
  const groups = Map.groupBy(members, ({ target, attempt }) => `${target.root}/${String(attempt)}`);
  return [...groups.values()].flatMap((workers) => {
    const [first] = workers;
    const stall = first && stallOf(first.attempt, workers, settingOf(first.target));
    return stall === undefined || first === undefined ? [] : [{ target: first.target, stall }];
  });
}
