import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lookEveryMs, restMs, whomToAsk, type Candidate, type Pace } from '../../../operator/progress/schedule.ts';

const pod = (more: Partial<Candidate> = {}): Candidate => ({
  ...{ namespace: 'default', root: 'job', isFirst: true, isSure: true, cameAtMs: 0, askedAtMs: 0, restsUntilMs: 0 },
  ...more,
});
const pods = (count: number, more: Partial<Candidate>): readonly Candidate[] =>
  Array.from({ length: count }, () => pod(more));

describe('the pace', () => {
  test.each<[string, number, number, number, Pace]>([
    ['is two seconds as long as the budget lasts', 100, 900, 0, { firstMs: 2000, otherMs: 2000 }],
    ['leaves the first two seconds for longer', 500, 9500, 0, { firstMs: 2000, otherMs: 38_000 }],
    ['leaves the first half of the budget', 1000, 9000, 0, { firstMs: 4000, otherMs: 36_000 }],
    ['leaves the first what others do not want', 10_000, 0, 0, { firstMs: 20_000, otherMs: 2000 }],
    ['leaves others what the first do not want', 0, 10_000, 0, { firstMs: 2000, otherMs: 20_000 }],
    ['leaves who may not answer what they want', 375, 375, 500, { firstMs: 2000, otherMs: 2000 }],
    ['leaves who may not answer a quarter at most', 750, 0, 9000, { firstMs: 2000, otherMs: 2000 }],
  ])('%s', (_, first, others, unsure, pace) => {
    const all = [...pods(first, {}), ...pods(others, { isFirst: false }), ...pods(unsure, { isSure: false })];
    expect(whomToAsk(all, 0, 500).pace).toEqual(pace);
  });
});

describe('whom to ask', () => {
  test('goes by turns of namespaces and jobs, rank 0 of each before the others, the longest due before the rest', () => {
    const job = (namespace: string, root: string, askedAtMs: number) =>
      [0, 1].map((rank) => pod({ namespace, root, isFirst: rank === 0, askedAtMs: askedAtMs - rank }));
    const all = [...job('a', 'a1', 30), ...job('a', 'a2', 20), ...job('a', 'a3', 10), ...job('b', 'b1', 40)];
    const { ask } = whomToAsk(all, 9000, 500);
    expect(ask.map(({ root, isFirst }) => `${root}/${isFirst ? '0' : '1'}`)).toEqual([
      ...['a3/0', 'b1/0', 'a2/0', 'b1/1', 'a1/0', 'a3/1', 'a2/1', 'a1/1'],
    ]);
  });

  test('goes by turns of jobs also within a namespace, however long the workers of one have been due', () => {
    const worker = (root: string, askedAtMs: number) => pod({ root, isFirst: false, askedAtMs });
    const { ask } = whomToAsk([worker('x', 1), worker('x', 2), worker('x', 3), worker('y', 4)], 9000, 500);
    expect(ask.map(({ root }) => root)).toEqual(['x', 'y', 'x', 'x']);
  });

  test('leaves alone who was asked just now, or rests, and tells how late the rest are', () => {
    const [fresh, rests, late] = [
      pod({ askedAtMs: 9000 }),
      pod({ isSure: false, restsUntilMs: 11_000 }),
      pod({ askedAtMs: 7000 }),
    ];
    expect(whomToAsk([fresh, rests, late, pod({ askedAtMs: undefined, cameAtMs: 9500 })], 10_000, 500)).toMatchObject({
      ask: [late, { cameAtMs: 9500 }],
      lateMs: 1000,
    });
  });

  test.each<[string, number | undefined, readonly number[]]>([
    ['who was never asked a quarter of the round, and what nobody else wants', undefined, [250, 150, 62]],
    ['who was asked in vain a quarter of the round and no more, whether others want it or not', 0, [62, 62, 62]],
  ])('gives %s', (_, askedAtMs, expected) => {
    const unsure = pods(300, { isSure: false, root: 'lost', askedAtMs });
    const unsureOf = (sure: number): number =>
      whomToAsk([...unsure, ...pods(sure, {})], 5000, 500).ask.filter(({ isSure }) => !isSure).length;
    expect([0, 100, 1000].map(unsureOf)).toEqual(expected);
  });

  test('keeps who was asked in vain from taking the place of who was never asked', () => {
    const all = [...pods(300, { isSure: false, root: 'lost' }), ...pods(300, { isSure: false, askedAtMs: undefined })];
    const { ask } = whomToAsk(all, 5000, 500);
    expect([62, 188].map((count, at) => ask.filter(({ root }) => root === ['lost', 'job'][at]).length - count)).toEqual(
      [...[0, 0]],
    );
  });
});

test.each([
  [0, 0, 0],
  [4000, 0, 2000],
  [4000, 0.5, 1750],
  [3_600_000, 0, 30_000],
])('who is silent for %i ms rests, at chance %d, for %i ms', (silentMs, chance, rest) => {
  expect(restMs(silentMs, chance)).toBe(rest);
});

/** Pods of several tenants, some of which never answer, asked for a while. */
interface Life {
  readonly candidate: Candidate;
  readonly isDead: boolean;
  readonly askedAtMs: readonly number[];
}

const perSecond = 20;
const after = ({ candidate, isDead, askedAtMs }: Life, nowMs: number): Life => ({
  ...{ isDead, askedAtMs: [...askedAtMs, nowMs] },
  candidate: {
    ...{ ...candidate, askedAtMs: nowMs, isSure: !isDead },
    restsUntilMs: isDead ? nowMs + restMs(nowMs, 0) : 0,
  },
});

function lived(pods: readonly Life[], untilMs: number) {
  let [lives, pace] = [pods, { firstMs: 0, otherMs: 0 }];
  const counts: number[] = [];
  for (let nowMs = 0; nowMs < untilMs; nowMs += lookEveryMs) {
    const candidates = lives.map(({ candidate }) => candidate);
    const round = whomToAsk(candidates, nowMs, perSecond);
    const asked = new Set(round.ask);
    counts.push(round.ask.length);
    lives = lives.map((life) => (asked.has(life.candidate) ? after(life, nowMs) : life));
    pace = round.pace;
  }
  return { lives, pace, counts };
}

const group = fc.record({
  namespace: fc.constantFrom('a', 'b', 'c'),
  workers: fc.integer({ min: 1, max: 25 }),
  isDead: fc.boolean(),
});
const fleet = fc.array(group, { minLength: 1, maxLength: 12 }).map((groups) =>
  groups.flatMap(({ namespace, workers, isDead }, job) =>
    Array.from({ length: workers }, (_, rank): Life => {
      const place = { namespace, root: `${namespace}${String(job)}`, isFirst: rank === 0 };
      return { isDead, askedAtMs: [], candidate: pod({ ...place, isSure: false, askedAtMs: undefined }) };
    }),
  ),
);

test('whatever pods there are, the budget is kept, nobody starves, and who answers is asked within twice the pace', () => {
  const [warmMs, untilMs] = [60_000, 240_000];
  fc.assert(
    fc.property(fleet, (pods) => {
      const { lives, pace, counts } = lived(pods, untilMs);
      expect(Math.max(...counts)).toBeLessThanOrEqual((perSecond * lookEveryMs) / 1000);
      for (const { candidate, isDead, askedAtMs } of lives) {
        const gapsMs = [...askedAtMs, untilMs].map((atMs, at) => atMs - (askedAtMs[at - 1] ?? 0));
        const settled = gapsMs.filter((_, at) => (askedAtMs[at - 1] ?? 0) >= warmMs);
        const paceMs = candidate.isFirst ? pace.firstMs : pace.otherMs;
        expect(askedAtMs.length).toBeGreaterThanOrEqual(2);
        if (!isDead) expect(Math.max(0, ...settled)).toBeLessThanOrEqual(2 * paceMs + lookEveryMs);
      }
    }),
    { numRuns: 30 },
  );
});
