import { describe, expect, test } from '@jest/globals';
import type { Demand } from '../../../runtime/server/demand.ts';
import { Memory, type Arrival, type Claimed, type MemoryShare } from '../../../runtime/server/memory.ts';

const MiB = 2 ** 20;
/** Of the server itself. */
const base = 96;

interface Lodger {
  readonly name: string;
  idle: boolean;
  retiring: boolean;
}

const lodger = (name: string): Lodger => ({ name, idle: true, retiring: false });
const beside: Arrival = { replaced: [], mayEvict: false };

const tensors = (fileMiB: number, most = 1): Demand => ({ fileBytes: fileMiB * MiB, processBytes: 0, least: 1, most });
const language = (fileMiB: number, most: number): Demand => {
  return { ...tensors(fileMiB, most), slot: { bytes: 10 * MiB, tokens: 256 } };
};

/** A memory of which so much is left for models, and a way to load them. */
function memoryOf(mebibytes: number, bodiesMiB = 0) {
  const memory = new Memory((base + mebibytes) * MiB, bodiesMiB * MiB);
  const never = new AbortController().signal;
  const enter = (tenant: Lodger, expectedMiB = 0, arrival = beside): MemoryShare =>
    memory.enter(tenant, expectedMiB * MiB, arrival);
  const claim = (share: MemoryShare, demand: Demand, signal = never): Promise<Claimed> =>
    memory.claim(share, demand, signal);
  /** Loads one that is decided upon at once, to its end. */
  const load = async (name: string, demand: Demand, arrival = beside) => {
    const tenant = lodger(name);
    const share = enter(tenant, 0, arrival);
    const claimed = await claim(share, demand);
    if (claimed.ok) memory.loaded(share);
    else memory.leave(share);
    return { tenant, share, count: claimed.ok ? claimed.count : claimed.message };
  };
  return { memory, enter, claim, load };
}

/** What has been decided by now. */
async function decided(promises: readonly Promise<Claimed>[]): Promise<readonly (number | string | undefined)[]> {
  const found: (number | string | undefined)[] = promises.map(() => undefined);
  promises.forEach((promise, index) => {
    void promise.then((claimed) => (found[index] = claimed.ok ? claimed.count : claimed.message));
  });
  await new Promise((resolve) => setImmediate(resolve));
  return [...found];
}

describe('models one after another', () => {
  test('plan with what those before them have left', async () => {
    const { load } = memoryOf(100);
    // Of its 20 to load, 10 come back.
    expect((await load('a', language(10, 4))).count).toBe(4);
    expect((await load('b', language(10, 4))).count).toBe(3);
    expect((await load('c', tensors(6))).count).toMatch(/^the model needs 108 MiB .*'a' has 50 MiB, 'b' has 40 MiB$/);
  });

  test('have as many sessions as fit, and weights count for each', async () => {
    const { load } = memoryOf(100);
    expect((await load('a', tensors(20, 2))).count).toBe(2);
    expect((await load('b', tensors(10, 8))).count).toBe(3);
    expect((await load('c', language(11, 1))).count).toMatch(/^one sequence of 256 tokens needs 10 MiB .* leave 8 MiB/);
  });

  test('leave room for bodies, which keys and values would fill, but not weights while they are loaded', async () => {
    const { load } = memoryOf(100, 40);
    expect((await load('a', language(10, 8))).count).toBe(4);
    expect((await load('b', tensors(20))).count).toBe(1);
    const alone = memoryOf(100, 40);
    const { count } = await alone.load('c', language(30, 8));
    expect(count).toMatch(/^one sequence .* the server and 40 MiB for the bodies of requests leave 0 MiB$/);
  });

  test('get what those have left that are gone', async () => {
    const { memory, load } = memoryOf(100);
    const { share } = await load('a', language(10, 8));
    expect((await load('b', language(10, 8))).count).toContain("'a' has 90 MiB");
    memory.leave(share);
    expect((await load('b', language(10, 8))).count).toBe(8);
  });

  test.each([
    ['by others', 30, true],
    ['by itself', 51, false],
  ])('that are refused are told apart: too large %s', async (_what, fileMiB, crowded) => {
    const { enter, claim, load } = memoryOf(100);
    await load('a', tensors(45));
    expect(await claim(enter(lodger('b')), tensors(fileMiB))).toMatchObject({ ok: false, crowded });
  });
});

describe('models side by side', () => {
  test('never count on the same bytes', async () => {
    const { enter, claim } = memoryOf(100);
    const [a, b] = [enter(lodger('a')), enter(lodger('b'))];
    expect(await decided([claim(a, tensors(30)), claim(b, tensors(30))])).toEqual([1, undefined]);
  });

  test('wait for what a load takes beside its model, and are refused when nothing more comes back', async () => {
    const { memory, enter, claim } = memoryOf(100);
    const shares = ['a', 'b', 'c'].map((name) => enter(lodger(name)));
    const claims = shares.map((share) => claim(share, tensors(30)));
    memory.loaded(shares[0]!);
    expect(await decided(claims)).toEqual([1, 1, undefined]);
    memory.loaded(shares[1]!);
    expect((await decided(claims))[2]).toMatch(/, of which 'a' has 30 MiB, 'b' has 30 MiB$/);
  });

  test('get what a load that fails gives back', async () => {
    const { memory, enter, claim } = memoryOf(100);
    const [a, b] = [enter(lodger('a')), enter(lodger('b'))];
    const claims = [claim(a, tensors(50)), claim(b, tensors(50))];
    memory.leave(a);
    expect(await decided(claims)).toEqual([1, 1]);
  });

  test('leave room for what others are known to need', async () => {
    const { enter, claim } = memoryOf(100);
    const [a, b] = [enter(lodger('a')), enter(lodger('b'), 60)];
    const first = claim(a, language(10, 3));
    // Not more than 2 slots fit beside the weights of b: it waits until all is known.
    expect(await decided([first])).toEqual([undefined]);
    const second = claim(b, tensors(30));
    expect(await decided([first, second])).toEqual([2, 1]);
  });

  test('are all served where each may do with less, the first with the most', async () => {
    const { memory, enter, claim } = memoryOf(100);
    const shares = ['a', 'b', 'c'].map((name) => enter(lodger(name), 10));
    const claims = shares.map((share) => claim(share, language(5, 16)));
    const seen = [await decided(claims)];
    for (const share of shares) {
      memory.loaded(share);
      seen.push(await decided(claims));
    }
    expect(seen).toEqual([
      [5, undefined, undefined],
      [5, 1, undefined],
      [5, 1, 2],
      [5, 1, 2],
    ]);
  });

  test('wait for nobody where there is enough', async () => {
    const { enter, claim } = memoryOf(1000);
    const shares = ['a', 'b', 'c'].map((name) => enter(lodger(name), 10));
    expect(await decided(shares.slice(0, 2).map((share) => claim(share, language(5, 16))))).toEqual([16, 16]);
  });

  test('are given up while they wait', async () => {
    const { enter, claim } = memoryOf(100);
    const [a, b] = [enter(lodger('a')), enter(lodger('b'))];
    const stop = new AbortController();
    const claims = [claim(a, tensors(50)), claim(b, tensors(50), stop.signal)];
    expect(await decided(claims)).toEqual([1, undefined]);
    stop.abort();
    expect(await decided(claims)).toEqual([1, 'the load was given up']);
    expect(await decided([claim(enter(lodger('c')), tensors(1), stop.signal)])).toEqual(['the load was given up']);
  });

  test('may ask anew in the place of what they had', async () => {
    const { enter, claim } = memoryOf(100);
    const share = enter(lodger('a'));
    expect(await decided([claim(share, tensors(10, 5))])).toEqual([5]);
    expect(await decided([claim(share, language(10, 8))])).toEqual([8]);
  });
});

describe('a model that replaces another', () => {
  test('has as many slots as that, as long as the weights of both fit', async () => {
    const { load } = memoryOf(100);
    const { tenant, count } = await load('a', language(10, 16));
    expect(count).toBe(8);
    expect((await load('a', language(10, 16), { replaced: [tenant], mayEvict: false })).count).toBe(8);
  });

  test('is refused where the weights do not fit beside those of its predecessor', async () => {
    const { load } = memoryOf(100);
    const { tenant } = await load('a', tensors(35));
    const { count } = await load('a', tensors(35), { replaced: [tenant], mayEvict: false });
    expect(count).toContain("the memory limit is 196 MiB, of which 'a' has 35 MiB");
  });

  test('counts on no other one', async () => {
    const { load } = memoryOf(100);
    const { tenant } = await load('a', language(10, 2));
    await load('b', language(10, 3));
    expect((await load('a', language(10, 16), { replaced: [tenant], mayEvict: false })).count).toBe(4);
  });

  test('need not wait for the last answers of what has its name', async () => {
    const { load } = memoryOf(100);
    const { tenant } = await load('a', language(10, 8));
    tenant.retiring = true;
    expect((await load('b', language(10, 8))).count).toContain("'a' has 90 MiB");
    expect((await load('a', language(10, 8))).count).toBe(8);
  });
});

describe('a model for which others may leave', () => {
  const arrival: Arrival = { replaced: [], mayEvict: true };
  const coming = [lodger('b')];

  test('plans as if those had gone that nobody uses, and tells what must become free then', async () => {
    const { memory, enter, claim, load } = memoryOf(100);
    await load('a', language(10, 5));
    const share = memory.enter(coming[0]!, 0, arrival);
    expect(await claim(share, language(10, 16))).toEqual({ ok: true, count: 8 });
    memory.loaded(share);
    expect(memory.lacking(coming, 0, arrival)).toBe(50 * MiB);
    memory.leave(share);
    const { tenant } = await load('c', tensors(1));
    tenant.idle = false;
    expect(await claim(enter(coming[0]!, 0, arrival), language(10, 16))).toEqual({ ok: true, count: 7 });
  });

  test.each([
    ['what it takes to load them', 60, 20],
    ['nothing, where that would not help', 101, 0],
  ])('tells before what they lack: %s', async (_what, expectedMiB, lackingMiB) => {
    const { memory, load } = memoryOf(100);
    await load('a', tensors(50));
    await load('c', tensors(10));
    expect(memory.lacking(coming, expectedMiB * MiB, arrival)).toBe(lackingMiB * MiB);
  });
});
