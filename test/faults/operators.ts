/** What runs where an operator is to be: the present one, or that of a release. */
import type { Settings } from '../../operator/workloads/settings.ts';
import { settings } from '../support/runs.ts';
import { startInstance, type Instance, type InstanceOptions } from './instance.ts';
import type { Release } from './plan.ts';
import { startReleased } from './released.ts';
import type { Scenario } from './scenario.ts';

export interface Operator {
  readonly settings: Settings;
  readonly start: (options: InstanceOptions) => Promise<Instance>;
}

/** Those that may come in this life. */
export function operatorsOf({ gang }: Scenario): Readonly<Record<Release | 'present', Operator>> {
  const own = { ...settings, ...(gang === undefined ? {} : { gang }) };
  const present: Operator = { settings: own, start: (options) => Promise.resolve(startInstance(options)) };
  return {
    present,
    former: { settings: own, start: startReleased },
    next: { ...present, settings: { ...own, images: { trainer: 'trainer:2', server: 'server:2' } } },
  };
}
