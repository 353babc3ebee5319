import { expect, test } from '@jest/globals';
import { explain, type Oracle } from '../../../../runtime/server/explain/explain.ts';
import type { Question } from '../../../../runtime/server/explain/parameters.ts';

const spec = { name: 'x', datatype: 'FP64', shape: [-1, 1] } as const;
const output = { name: 'y', datatype: 'FP64', shape: [-1, 2] } as const;

/** A model that says 1 and f(x) of each x. */
const saying = (f: (x: number) => number): Oracle => ({
  facts: { inputs: [spec], outputs: [output], maxBatch: 8 } as unknown as Oracle['facts'],
  caller: { aborted: false },
  infer: ({ inputs: [input] }) => {
    const data = Float64Array.from([...(input?.data as Float64Array)].flatMap((x) => [1, f(x)]));
    return Promise.resolve({ outputs: [{ ...output, shape: [data.length / 2, 2], data }] });
  },
});

const explained = (x: number, f: (x: number) => number, changes: Partial<Question> = {}) => {
  const question: Question = {
    ...{ input: spec, output, method: { kind: 'occlusion' }, targets: [1], baseline: [0], patch: undefined },
    ...changes,
  };
  return explain(question, [{ ...spec, shape: [1, 1], data: Float64Array.of(x) }], saying(f));
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
