import { describe, expect, test } from '@jest/globals';
import { explain, type Oracle } from '../../../../runtime/server/explain/explain.ts';
import { BodyBudget, Share } from '../../../../runtime/server/body.ts';
import type { Question } from '../../../../runtime/server/explain/parameters.ts';

const spec = { name: 'x', datatype: 'FP64', shape: [-1, 1] } as const;
const output = { name: 'y', datatype: 'FP64', shape: [-1, 2] } as const;

/** A model that says 1 and f(x) of each x. */
const saying = (f: (x: number) => number): Oracle => ({
  facts: { inputs: [spec], outputs: [output], maxBatch: 8 } as unknown as Oracle['facts'],
  caller: { aborted: false },
  share: { make: () => undefined },
  infer: ({ inputs: [input] }) => {
    const data = Float64Array.from([...(input?.data as Float64Array)].flatMap((x) => [1, f(x)]));
    return Promise.resolve({ outputs: [{ ...output, shape: [data.length / 2, 2], data }] });
  },
});

const plain: Question = {
  ...{ input: spec, output, method: { kind: 'occlusion' }, targets: [1], baseline: [0], patch: undefined },
};

const explained = (x: number, f: (x: number) => number, changes: Partial<Question> = {}) => {
  return explain({ ...plain, ...changes }, [{ ...spec, shape: [1, 1], data: Float64Array.of(x) }], saying(f));
};

test('a missing value is a baseline like another where the model knows it', async () => {
  const [found] = await explained(3, (x) => (Number.isNaN(x) ? 2 : x), { baseline: [NaN] });
  expect(found).toMatchObject({ value: 3, baselineValue: 2, gap: 0, attributions: Float64Array.of(1) });
});

test.each<[string, number, (x: number) => number, Partial<Question>]>([
  ['a value', Infinity, (x) => x, {}],
  ['that of the baseline', 3, (x) => x, { baseline: [NaN] }],
  ['what an attribution is made of', 3, (x) => (x === 1.5 ? NaN : x), { method: { kind: 'integrated', steps: 2 } }],
  ['a difference', 1e308, (x) => (x > 0 ? 1e308 : -1e308), {}],
  ['what the largest is looked for in', NaN, (x) => x, { targets: undefined }],
])('%s that is NaN or infinite is refused as infer does it', async (_what, x, f, changes) => {
  await expect(explained(x, f, changes)).rejects.toThrow(
    "output 'y' holds NaN or an infinity, which JSON cannot carry",
  );
});

describe('what an explanation takes is held before it is made', () => {
  const [rows, width] = [100, 1000];
  const wide = { ...spec, shape: [-1, width] };
  const inputs = [{ ...wide, shape: [rows, width], data: new Float64Array(rows * width) }];
  const kilobyte = 1 << 10;
  /** Rows and what is said of them, their elements, and what is made of eight at a time. */
  const bytes = rows * 2 * kilobyte + rows * width * 40 + 8 * width * 16;

  /** Requests that ask at once for as much, of a body that took a kilobyte each; the model never says anything. */
  const asked = (budgetBytes: number, times: number) => {
    const budget = new BodyBudget(budgetBytes);
    let runs = 0;
    const infer = (): Promise<never> => {
      runs += 1;
      return new Promise(() => undefined);
    };
    const refused = Array.from({ length: times }, () => {
      const share = new Share(budget, { closed: false, on: () => undefined }, 0);
      share.hold(kilobyte);
      return explain({ ...plain, input: wide }, inputs, { ...saying(Number), infer, share });
    });
    return { refused, runs: () => runs };
  };

  test('once, and not a second time where there is no room for two', async () => {
    const { refused, runs } = asked(2 * (bytes + kilobyte) - 1, 2);
    await expect(refused[1]).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
    expect(runs()).toBe(1);
    expect(asked(2 * (bytes + kilobyte), 2).runs()).toBe(2);
  });

  test('and what would never have room is not to come again', async () => {
    // More than is kept for small bodies.
    const { refused, runs } = asked(bytes + kilobyte - 1, 1);
    await expect(refused[0]).rejects.toMatchObject({
      fault: { kind: 'tooLarge' },
      message: `the explanation, and the body that asked for it, take more than ${bytes + kilobyte - 1} bytes: ask for fewer rows in one request`,
    });
    expect(runs()).toBe(0);
  });
});
