import { beforeEach, expect, test } from '@jest/globals';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { ask } from '../../../support/openai-caller.ts';
import { sessionsOf } from '../../../support/session-processes.ts';

let server: LiveServer;
let session: number;

beforeEach(async () => {
  server = await serveModels(echoArtefact(), { isolation: 'process' });
  [session = 0] = await sessionsOf(server.folder);
});

test('a decoder that is closed while its next process opens the model does not leave that behind', async () => {
  process.kill(session, 'SIGKILL');
  await until(async () => (await sessionsOf(server.folder)).some((other) => other !== session));
  await server.stop();
  expect(await sessionsOf(server.folder)).toEqual([]);
});

test('answers that were being written when the process died count as failed', async () => {
  const { decodingStatistics } = server.engine.find('echo');
  const answer = ask(`${server.url}/v1/completions`, {
    ...{ model: 'echo', prompt: 'one two ', max_tokens: 240, temperature: 0, logit_bias: { 256: -100 } },
  });
  await until(() => decodingStatistics.writing === 1);
  process.kill(session, 'SIGKILL');
  expect((await answer).status).toBe(503);
  expect(decodingStatistics.endings.failed).toBe(1);
  await server.stop();
});
