import { describe, expect, test } from '@jest/globals';
import { embedderOf, embeddingOf, type EmbeddingMember } from '../../../../runtime/server/embeddings/embedder.ts';
import type { TensorSpec } from '../../../../runtime/server/protocol/request.ts';

const ids: TensorSpec = { name: 'input_ids', datatype: 'INT64', shape: [-1, -1] };
const mask: TensorSpec = { ...ids, name: 'attention_mask' };
const tokens: TensorSpec = { name: 'last_hidden_state', datatype: 'FP32', shape: [-1, -1, 8] };
const text: TensorSpec = { name: 'sentence_embedding', datatype: 'FP32', shape: [-1, 8] };

const member = (changes: Partial<EmbeddingMember> = {}): EmbeddingMember => {
  return { normalise: false, dimensions: [], ...changes };
};
const mean = member({ pooling: 'mean' });

describe('a model gives embeddings', () => {
  test('as its manifest says', () => {
    const wish = member({ pooling: 'cls', normalise: true, contextLength: 9, dimensions: [4] });
    expect(embedderOf({ inputs: [ids, mask], outputs: [tokens, text] }, { ...wish, output: tokens.name }, 512)).toEqual(
      {
        ...{ inputs: [ids, mask], output: 'last_hidden_state', pooling: 'cls', normalise: true },
        ...{ contextLength: 9, dimensions: [4] },
      },
    );
  });

  test('without a manifest where the graph pools and the files say how long a text may be', () => {
    expect(embedderOf({ inputs: [ids], outputs: [tokens, text] }, undefined, 512)).toMatchObject({
      ...{ output: 'sentence_embedding', pooling: 'none', normalise: false, contextLength: 512 },
    });
  });

  test('of no more tokens than the graph takes', () => {
    const fixed = { ...ids, shape: [-1, 16] };
    expect(embedderOf({ inputs: [fixed], outputs: [tokens] }, mean, 512)).toMatchObject({ contextLength: 16 });
    expect(embedderOf({ inputs: [fixed], outputs: [tokens] }, mean, undefined)).toMatchObject({ contextLength: 16 });
  });

  test.each<[string, TensorSpec[], TensorSpec[], EmbeddingMember | undefined, number | undefined, string]>([
    ['other inputs', [{ ...ids, name: 'x' }], [text], undefined, 9, 'no input input_ids'],
    ['more inputs', [ids, { ...ids, name: 'pixels' }], [text], undefined, 9, "'pixels' is none of"],
    ['inputs of another type', [{ ...ids, datatype: 'FP32' }], [text], undefined, 9, 'is FP32, not INT64'],
    ['inputs of another rank', [{ ...ids, shape: [-1] }], [text], undefined, 9, 'not [batch, sequence]'],
    ['a batch of its own', [{ ...ids, shape: [4, -1] }], [text], undefined, 9, 'takes 4 texts at once'],
    ['other outputs', [ids], [{ ...text, name: 'y' }], undefined, 9, 'no output sentence_embedding or'],
    ['an output that is not there', [ids], [text], member({ output: 'y' }), 9, 'no output y'],
    ['outputs of another type', [ids], [{ ...text, datatype: 'FP16' }], undefined, 9, 'is FP16, not FP32'],
    ['outputs of another rank', [ids], [{ ...text, shape: [-1] }], undefined, 9, 'is neither [batch, width]'],
    ['nothing said of its pooling', [ids], [tokens], member(), 9, 'embedding.pooling does not say'],
    ['pooling twice', [ids], [text], mean, 9, 'is pooled in the graph already'],
    ['no length', [ids], [tokens], mean, undefined, 'embedding.contextLength is missing'],
  ])('but not with %s', (_what, inputs, outputs, wish, length, sentence) => {
    expect(embedderOf({ inputs, outputs }, wish, length)).toContain(sentence);
  });
});

test.each([
  [7, 'embedding is not an object'],
  [{ pooling: 'max' }, "embedding.pooling is none of 'mean', 'cls'"],
  [{ normalise: 1 }, 'embedding.normalise is neither true nor false'],
  [{ output: 1 }, 'embedding.output is no string'],
  [{ contextLength: 0 }, 'embedding.contextLength is not a whole number above 0'],
  [{ dimensions: [1.5] }, 'embedding.dimensions is no list of whole numbers above 0'],
])('the member %j is refused', (value, sentence) => {
  expect(embeddingOf(value)).toBe(sentence);
});
