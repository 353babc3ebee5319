import { describe, expect, test } from '@jest/globals';
import { Refusal } from '../../../../../runtime/server/protocol/errors.ts';
import { embeddingAnswer, embeddingRequestOf } from '../../../../../runtime/server/protocol/openai/embeddings.ts';

const read = (members: object) => embeddingRequestOf({ model: 'm', input: 'a', ...members });

describe('a request for embeddings', () => {
  test.each([
    ['a', ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[1, 2], [[1, 2]]],
    [
      [[1], [2, 3]],
      [[1], [2, 3]],
    ],
    [
      [[1], 'b'],
      [[1], 'b'],
    ],
  ])('%j is %j', (input, inputs) => {
    expect(read({ input })).toEqual({ model: 'm', inputs, format: 'float', dimensions: undefined });
  });

  test('takes null for absent, and does not mind a user', () => {
    expect(read({ encoding_format: null, dimensions: null, user: 'x' })).toEqual(read({}));
  });

  test.each([
    [{ model: '' }, 'model'],
    [{ input: null }, 'input'],
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ['a', ''] }, 'input'],
    [{ input: [[]] }, 'input'],
    [{ input: [-1] }, 'input'],
    [{ input: [1, 'a'] }, 'input'],
    [{ input: { text: 'a' } }, 'input'],
    [{ input: Array(2049).fill('a') }, 'input'],
    [{ encoding_format: 'hex' }, 'encoding_format'],
    [{ dimensions: 0 }, 'dimensions'],
    [{ dimensions: 1.5 }, 'dimensions'],
  ])('%.60j is refused by name', (members, parameter) => {
    try {
      read(members);
    } catch (error) {
      expect(error instanceof Refusal && error.fault).toMatchObject({ kind: 'invalid', parameter });
      return;
    }
    throw new Error('it was not refused');
  });
});

test('an answer has the vectors in their order, as numbers or as their bytes', () => {
  const vectors = [Float32Array.of(1, -0.5), Float32Array.of(0.25, 2)];
  const answer = embeddingAnswer(read({}), vectors, 5);
  expect(answer).toEqual({
    ...{ object: 'list', model: 'm', usage: { prompt_tokens: 5, total_tokens: 5 } },
    data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: [...vector] })),
  });
  const bytes = Buffer.alloc(8);
  bytes.writeFloatLE(1, 0);
  bytes.writeFloatLE(-0.5, 4);
  const packed = embeddingAnswer(read({ encoding_format: 'base64' }), vectors, 5);
  expect(packed).toMatchObject({ data: [{ embedding: bytes.toString('base64') }, {}] });
});
