import { describe, expect, test } from '@jest/globals';
import { controllerMetrics, leaderMetrics, pulseMetrics } from '../../../operator/kernel/metrics.ts';
import { led } from '../../support/candidates.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startRig } from '../../support/rig.ts';
import { scraped } from '../../support/scraped.ts';
import { crew, crews, freshRegistry } from '../../support/toy.ts';

describe('what is scraped', () => {
  test('of queues: depth, the longest wait and what fails, as they are now', async () => {
    const registry = freshRegistry();
    let failing = 0;
    const held = { NameTaken: 0, Contested: 4, Stale: 0 };
    controllerMetrics(registry, () => [{ name: 'crew', depth: 3, oldestWaitMs: 1500, failing, held }]);
    failing = 2;
    expect((await scraped(registry, 'limbeck_queue_depth')).join()).toMatch(/reconciler="crew".* 3$/);
    expect((await scraped(registry, 'limbeck_queue_oldest_wait_seconds')).join()).toMatch(/ 1\.5$/);
    expect((await scraped(registry, 'limbeck_queue_failing_keys')).join()).toMatch(/ 2$/);
    const byWhy = (await scraped(registry, 'limbeck_queue_held_keys')).map((line) => /why="(\w+)".* (\d)$/.exec(line));
    expect(byWhy.map((found) => found?.slice(1))).toEqual(Object.entries(held).map(([why, n]) => [why, String(n)]));
  });

  test('of the lease: its age in seconds, 0 for a standby, and how attempts went', async () => {
    const registry = freshRegistry();
    const facts: { ageMs?: number } = {};
    const count = leaderMetrics(registry, {
      mayWrite: () => facts.ageMs !== undefined,
      renewalAgeMs: () => facts.ageMs,
    });
    const ages = async (): Promise<readonly string[]> => [
      ...(await scraped(registry, 'limbeck_leader')),
      ...(await scraped(registry, 'limbeck_lease_renewal_age_seconds')),
    ];
    expect((await ages()).map((line) => line.split(' ').at(-1))).toEqual(['0', '0']);
    facts.ageMs = 2500;
    expect((await ages()).map((line) => line.split(' ').at(-1))).toEqual(['1', '2.5']);
    const failed = async (): Promise<string> => (await scraped(registry, 'limbeck_lease_attempts_total')).join();
    // Also before the first one, which nobody would see otherwise.
    expect(await failed()).toMatch(/result="failed".* 0$/);
    count('failed');
    expect(await failed()).toMatch(/result="failed".* 1$/);
  });

  test('of the event loop: every delay, and blocks by themselves', async () => {
    const registry = freshRegistry();
    const beat = pulseMetrics(registry, 1000);
    [0, 999, 1000].forEach(beat);
    expect((await scraped(registry, 'limbeck_event_loop_delay_seconds_count')).join()).toMatch(/ 3$/);
    expect((await scraped(registry, 'limbeck_event_loop_blocks_total')).join()).toMatch(/ 1$/);
  });

  test('of a running manager: a key that fails, a block, and a lease that is kept', async () => {
    const [cluster, clock, registry] = [led(), new FakeClock(), freshRegistry()];
    const rig = startRig(cluster, clock, { registry, leaderElection: { leaseName: 'operator' } });
    await clock.advance(5000);
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'apply') throw new Error('no');
    };
    cluster.put(crews, crew('alpha', ['ann']));
    await clock.advance(1000);
    clock.pause(1600);
    await clock.advance(0);
    const last = async (name: string): Promise<string | undefined> =>
      (await scraped(registry, name)).at(-1)?.split(' ').at(-1);
    expect(await last('limbeck_queue_failing_keys')).toBe('1');
    expect(await last('limbeck_event_loop_blocks_total')).toBe('1');
    expect(Number(await last('limbeck_lease_attempts_total'))).toBeGreaterThan(2);
    clock.pause(1000);
    expect(await last('limbeck_lease_renewal_age_seconds')).toBe('2.6');
    await rig.stop();
  });
});
