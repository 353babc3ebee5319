/** For tests that do what users do, wrong as it may be: none of it restarts a process of ours. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import type { Kubectl } from '../../demo/kubectl.ts';
import { restartCounts, Restarts } from '../../demo/restarts.ts';
import { openLab, type Lab } from './lab.ts';

export interface Unrestarted {
  /** From the first `beforeAll` on. */
  readonly lab: () => Lab;
  /** The last test of the file: no container here has been restarted since the first. */
  readonly verify: () => Promise<void>;
}

/** Opens the lab for a test file and closes it; restarts count in the system's namespace and in these. */
export function unrestarted(...namespaces: readonly Kubectl[]): Unrestarted {
  const restarts = new Restarts('nobody kills');
  let opened: Lab | undefined;
  const lab = (): Lab => {
    if (opened === undefined) throw new Error('the lab is not open yet');
    return opened;
  };
  const look = async (): Promise<void> => {
    for (const kubectl of [lab().system, ...namespaces]) restarts.see(await restartCounts(kubectl, ''));
  };
  beforeAll(async () => {
    opened = await openLab();
    await look();
    restarts.begin();
  }, 300_000);
  afterAll(() => opened?.gateway.close());
  const verify = async (): Promise<void> => {
    await look();
    expect(restarts.sum).toBe(0);
  };
  return { lab, verify };
}
