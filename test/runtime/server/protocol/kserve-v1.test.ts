import { expect, test } from '@jest/globals';
import { decodeInstances } from '../../../../runtime/server/protocol/kserve-v1.ts';

const input = (name: string) => ({ name, datatype: 'FP32', shape: [-1] }) as const;

test('an input that is called as what every object inherits has no value where the instance gives none', () => {
  const decoded = (row: object) =>
    decodeInstances(Buffer.from(JSON.stringify({ instances: [row] })), {
      inputs: [input('a'), input('constructor')],
      outputs: [],
    });
  expect(() => decoded({ a: 1 })).toThrow("an instance has no value for the input 'constructor'");
  expect(decoded({ a: 1, constructor: 2 }).inputs.map(({ name }) => name)).toEqual(['a', 'constructor']);
});
