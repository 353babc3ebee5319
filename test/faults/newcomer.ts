/** One who begins when all is at rest, and remembers nothing of what was done: he, too, finds all as it should be. */
import { open, startInstance, type Instance, type InstanceOptions } from './instance.ts';
import { Interference } from './interference.ts';
import type { Laboratory } from './laboratory.ts';
import { FaultProxy } from './proxy.ts';
import { Trace } from './trace.ts';

export interface Newcomer {
  readonly instance: Instance;
  readonly trace: Trace;
  readonly stop: () => Promise<void>;
}

/** Nothing befalls him; he has a trace of his own. */
export async function startNewcomer(
  { access, upstream, needed }: Pick<Laboratory, 'access' | 'upstream' | 'needed'>,
  options: Omit<InstanceOptions, 'credentials'>,
): Promise<Newcomer> {
  const trace = new Trace();
  const proxy = await FaultProxy.start({
    ...{ access, upstream, trace, interference: new Interference({ scenario: 'a newcomer', faults: [] }, trace) },
    ...{ needed, instance: 1, crashed: () => undefined, befell: () => Promise.resolve() },
  });
  const instance = startInstance({ ...options, credentials: open(proxy.url) });
  const stop = async (): Promise<void> => {
    await instance.stop();
    proxy.cut();
  };
  return { instance, trace, stop };
}
