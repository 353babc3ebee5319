/**
 * Loops beside the work queue look at many things again and again. What one of them fails on is a bug: it is told and
 * counted, so that somebody is alerted, and keeps neither the others from their turn nor the loop from going on.
 */
import { Counter } from 'prom-client';
import { sentenceOf, type Fields, type Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';

/** Takes a step of a loop, about `what`, and outlives it. */
export type LoopGuard = (what: Fields, step: () => void) => void;

const name = 'limbeck_loop_failures_total';

/** Every loop of a process counts in the same one. */
function failuresIn(registry: Registry): Counter {
  const known = registry.getSingleMetric(name);
  if (known instanceof Counter) return known;
  const help = 'Steps of loops that threw, by loop; each one is a bug.';
  return new Counter({ name, help, labelNames: ['loop'], registers: [registry] });
}

/** Called once for each loop. */
export function loopGuard(registry: Registry, log: Log, loop: 'autoscaler' | 'progress'): LoopGuard {
  const failures = failuresIn(registry);
  // Shown before the first one, or an alert could not tell it from none.
  failures.inc({ loop }, 0);
  return (what, step) => {
    try {
      step();
    } catch (error) {
      failures.inc({ loop });
      const stack = error instanceof Error ? error.stack : undefined;
      log.error('step of a loop failed', { loop, ...what, error: sentenceOf(error), stack });
    }
  };
}
