import { expect, test } from '@jest/globals';
import { TextCodec } from '../../../../../runtime/server/decoding/text-codec.ts';
import { completionShape } from '../../../../../runtime/server/protocol/openai/answer.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../../support/echo-artefact.ts';

test('completions name a token that is no whole character by its bytes, so that none overwrites another', () => {
  const shape = completionShape(new TextCodec({ tokenizer: echoTokenizer, config: echoTokenizerConfig }));
  const top = [0xe2, 0x61, 0x82].map((token, index) => ({ token, logprob: -1 - index }));
  const logprobs = [{ token: 0xe2, logprob: -1, offset: 4, top }];
  const head = { id: 'a', created: 0, model: 'm' };
  expect(shape.chunk(head, { index: 0, text: '', logprobs, finish: null })).toMatchObject({
    choices: [
      {
        logprobs: {
          tokens: ['bytes:\\xe2'],
          top_logprobs: [{ 'bytes:\\xe2': -1, a: -2, 'bytes:\\x82': -3 }],
          text_offset: [4],
        },
      },
    ],
  });
});
