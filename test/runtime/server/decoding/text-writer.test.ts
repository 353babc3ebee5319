import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { greedy } from '../../../../runtime/server/decoding/sampling.ts';
import { writeText, type Piece } from '../../../../runtime/server/decoding/text-writer.ts';
import { echoArtefact, foreignArtefact } from '../../../support/echo-artefact.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';
import { speechless } from '../../../support/speechless.ts';

function speechlessArtefact(): Readonly<Record<string, Buffer | string>> {
  const artefact = foreignArtefact('speechless');
  return { ...artefact, 'speechless/model.onnx': speechless(Buffer.from(artefact['speechless/model.onnx']!)) };
}

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({ ...echoArtefact(), ...speechlessArtefact() });
});

afterAll(() => server.stop());

/** The pieces of an answer of a model that says again what it read. */
async function written(prompt: string, maxTokens: number, stops: readonly string[]) {
  const language = server.engine.find('echo').language!;
  const pieces: Piece[] = [];
  const request = { prompt: [...Buffer.from(prompt)], maxTokens, sampling: greedy, stops, logprobs: 1 };
  for await (const piece of writeText(language, request, { signal: new AbortController().signal })) pieces.push(piece);
  const texts = pieces.filter((piece) => piece.kind === 'text');
  const tokens = texts.flatMap(({ logprobs }) => logprobs);
  return {
    text: texts.map(({ text }) => text).join(''),
    letters: tokens.map(({ token }) => token),
    offsets: tokens.map(({ offset }) => offset),
    end: pieces.at(-1),
    texts,
  };
}

test('a stop that is found only in what was held back at the limit ends the answer all the same', async () => {
  // The last token is the first byte of a character, whose second one does not come any more.
  const { text, end } = await written('abcdefé', 7, ['\u{fffd}']);
  expect(text).toBe('abcdef');
  expect(end).toMatchObject({ kind: 'end', finish: 'stop' });
});

test('a model without finite numbers fails of what it was asked, and nobody is told to ask again', async () => {
  const answer = writeText(
    server.engine.find('speechless').language!,
    { prompt: [...Buffer.from('az')], maxTokens: 4, sampling: greedy, stops: [] },
    { signal: new AbortController().signal },
  );
  await expect(answer.next()).rejects.toMatchObject({
    ...{ fault: { kind: 'invalid' }, message: 'the model failed: it gave no finite logits' },
  });
});

test('a token begins where the text before it ends, also one of the bytes of a character', async () => {
  const { text, offsets } = await written('abcd€f', 10, []);
  expect(text).toBe('abcd€fab');
  expect(offsets).toEqual([0, 1, 2, 3, 4, 4, 4, 5, 6, 7]);
});

test('places are told as characters, of which one may be two letters to JavaScript', async () => {
  const { text, offsets } = await written('abc\u{1f600}d', 10, []);
  expect(text).toBe('abc\u{1f600}dab');
  expect(offsets).toEqual([0, 1, 2, 3, 3, 3, 3, 4, 5, 6]);
});

test.each([
  ['xxxxabXy', ['abc', 'bX'], 'xxxxa'],
  ['xabcdefg', ['cde'], 'xab'],
  ['abcdefgh', ['never'], 'abcdefgh'],
])('of %s that ends at %j there are as many tokens as letters', async (prompt, stops, expected) => {
  const { text, letters, texts } = await written(prompt, prompt.length, stops);
  expect(text).toBe(expected);
  expect(Buffer.from(letters).toString()).toBe(expected);
  for (const piece of texts) expect(piece.logprobs).toHaveLength(piece.text.length);
});
