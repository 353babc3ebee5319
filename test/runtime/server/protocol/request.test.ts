import { describe, expect, test } from '@jest/globals';
import { checkInput, inOrder, shapeFits, type TensorSpec } from '../../../../runtime/server/protocol/request.ts';

const spec: TensorSpec = { name: 'x', datatype: 'FP32', shape: [-1, 64] };

describe('signatures', () => {
  test.each([
    [[-1, 64], [0, 64], true],
    [[-1, 64], [5, 64], true],
    [[-1, 64], [5, 63], false],
    [[-1, 64], [64], false],
    [[], [], true],
    [[], [1], false],
  ])('%j takes %j: %s', (signature, shape, fits) => expect(shapeFits(signature, shape)).toBe(fits));

  test('a misfit is told with both sides', () => {
    expect(() => checkInput(spec, 'FP64', [1, 64])).toThrow("input 'x' has datatype FP64, the model takes FP32");
    expect(() => checkInput(spec, 'FP32', [1, 3])).toThrow("input 'x' has shape [1,3], the model takes [-1,64]");
    expect(() => checkInput(spec, undefined, [1, 64])).toThrow('has datatype undefined');
    // An object that looks like one which knows how to become text, as JSON may hold it.
    expect(() => checkInput(spec, [[{ toString: 1 }]], [1, 64])).toThrow('has datatype object, the model takes FP32');
    expect(() => checkInput(spec, 'x'.repeat(1e6), [1, 64])).toThrow(`has datatype ${'x'.repeat(40)}, the model`);
  });

  test('inputs come in the signature order, all of them', () => {
    const tensor = (name: string) => ({ name, datatype: 'FP32' as const, shape: [1], data: new Float32Array(1) });
    const signature = { inputs: [spec, { ...spec, name: 'mask' }], outputs: [] };
    const given = new Map([
      ['mask', tensor('mask')],
      ['x', tensor('x')],
    ]);
    expect(inOrder(signature, given).map(({ name }) => name)).toEqual(['x', 'mask']);
    given.delete('x');
    expect(() => inOrder(signature, given)).toThrow("input 'x' is missing");
  });
});
