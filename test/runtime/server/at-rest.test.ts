import { describe, expect, test } from '@jest/globals';
import { AtRest, ownHeap } from '../../../runtime/server/at-rest.ts';

const mega = 1 << 20;

/** A heap of which a collection leaves 12 MiB; each look finds it as it is told. */
function looks(...seen: readonly { readonly busy: number; readonly heapMiB: number }[]): boolean[] {
  let [busy, bytes] = [0, 0];
  let collections = 0;
  const atRest = new AtRest({
    busyShare: () => busy,
    totalBytes: () => bytes,
    collect: () => {
      collections += 1;
      bytes = 12 * mega;
    },
  });
  return seen.map(({ busy: share, heapMiB }) => {
    [busy, bytes] = [share, heapMiB * mega];
    const before = collections;
    atRest.look();
    return collections > before;
  });
}

describe('a server collects its garbage', () => {
  test.each([
    [
      'once it rests after its start',
      [
        { busy: 0.5, heapMiB: 20 },
        { busy: 0, heapMiB: 20 },
      ],
      [false, true],
    ],
    [
      'not again while nothing has grown',
      [
        { busy: 0, heapMiB: 20 },
        { busy: 0, heapMiB: 13 },
      ],
      [true, false],
    ],
    [
      'not for the garbage of probes',
      [
        { busy: 0, heapMiB: 20 },
        { busy: 0.001, heapMiB: 15 },
      ],
      [true, false],
    ],
    [
      'again after the next burst, and not within it',
      [
        { busy: 0, heapMiB: 20 },
        { busy: 0.8, heapMiB: 40 },
        { busy: 0, heapMiB: 40 },
      ],
      [true, false, true],
    ],
  ])('%s', (_what, seen, collected) => {
    expect(looks(...seen)).toEqual(collected);
  });
});

describe('the heap of a thread', () => {
  test('is smaller after a collection', () => {
    const heap = ownHeap();
    const garbage = new Set(Array.from({ length: 1_000_000 }, (_, index) => ({ index })));
    const full = heap.totalBytes();
    garbage.clear();
    heap.collect();
    expect(heap.totalBytes()).toBeLessThan(full - 16 * mega);
  });

  /** Shares of a time of work, of a time of rest, and of both together. */
  async function workAndRest(): Promise<{ worked: number; rested: number; together: number }> {
    const heap = ownHeap();
    const begun = performance.eventLoopUtilization();
    heap.busyShare();
    for (const end = performance.now() + 50; performance.now() < end;);
    await new Promise((resolve) => setImmediate(resolve));
    const worked = heap.busyShare();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const rested = heap.busyShare();
    return { worked, rested, together: performance.eventLoopUtilization(begun).utilization };
  }

  test('knows how busy the thread was since it was last asked', async () => {
    // Who waits for a processor counts as busy: on a machine that others keep busy, a rest may be none. Never is every one.
    let seen = await workAndRest();
    for (let more = 20; more > 0 && seen.rested > 0.7; more--) seen = await workAndRest();
    expect(seen.worked).toBeGreaterThan(0.5);
    expect((seen.together - seen.rested) / (1 - seen.rested)).toBeGreaterThan(0.1);
  });
});
