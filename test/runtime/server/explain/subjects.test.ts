import { expect, test } from '@jest/globals';
import type { Question } from '../../../../runtime/server/explain/parameters.ts';
import { requestOf, subjectsOf } from '../../../../runtime/server/explain/subjects.ts';
import type { Tensor } from '../../../../runtime/server/tensor.ts';
import { transferable } from '../../../../runtime/server/worker-protocol.ts';

const scalar = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 1] }) as const;
const question: Question = {
  ...{ input: scalar('b'), output: scalar('y'), method: { kind: 'occlusion' } },
  ...{ baseline: [0], targets: undefined, patch: undefined },
};
const rowsOf = (name: string, ...rows: readonly number[]): Tensor => ({
  ...{ name, datatype: 'FP32', shape: [rows.length, 1], data: Float32Array.from(rows) },
});

test.each([[[2]], [[2, 3]]])(
  'what a worker is given for rows %j is not what the next question is made of',
  (rows: readonly number[]) => {
    const subjects = subjectsOf(question, [rowsOf('a', ...rows), rowsOf('b', ...rows)]);
    const ask = () => {
      const asked = subjects.map((subject) => ({ subject, elements: subject.baseline }));
      const inputs = requestOf(question, asked).inputs;
      return structuredClone(inputs, { transfer: transferable(inputs) }).map(({ data }) => [...data]);
    };
    const others = [[...rows], rows.map(() => 0)];
    expect([ask(), ask()]).toEqual([others, others]);
  },
);
