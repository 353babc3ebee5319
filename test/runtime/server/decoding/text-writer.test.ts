import { expect, test } from '@jest/globals';
import { greedy } from '../../../../runtime/server/decoding/sampling.ts';
import { writeText, type Piece } from '../../../../runtime/server/decoding/text-writer.ts';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { serveModels } from '../../../support/model-server.ts';

test('a stop that is found only in what was held back at the limit ends the answer all the same', async () => {
  const server = await serveModels(echoArtefact());
  try {
    const language = server.engine.find('echo').language!;
    // The model says again what it read: the last token is the first byte of a character, whose second one does not come any more.
    const prompt = [...Buffer.from('abcdef')].concat([...Buffer.from('é')]);
    const pieces: Piece[] = [];
    const request = { prompt, maxTokens: 7, sampling: greedy, stops: ['\u{fffd}'] };
    for await (const piece of writeText(language, request, { signal: new AbortController().signal }))
      pieces.push(piece);
    expect(pieces.flatMap((piece) => (piece.kind === 'text' ? piece.text : [])).join('')).toBe('abcdef');
    expect(pieces.at(-1)).toMatchObject({ kind: 'end', finish: 'stop' });
  } finally {
    await server.stop();
  }
});
