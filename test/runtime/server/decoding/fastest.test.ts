import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { loadedOf, openFastest, type Means } from '../../../../runtime/server/decoding/fastest.ts';
import type { DecodingOptions } from '../../../../runtime/server/decoding/messages.ts';
import { createSession } from '../../../../runtime/server/onnx.ts';
import type { Provider } from '../../../../runtime/server/providers.ts';
import { contextLength, endToken, heads, layers, splitEchoModel, vocabulary } from '../../../support/echo-decoder.ts';
import { folderWith } from '../../../support/model-server.ts';

let options: DecodingOptions;

beforeAll(async () => {
  const path = join(await folderWith({ 'model.onnx': splitEchoModel() }), 'model.onnx');
  const geometry = { layers, heads, headDim: 260, vocabulary, contextLength, endTokens: [endToken] };
  options = {
    ...{ path, intraOpThreads: 1, providers: ['cuda', 'cpu'], slots: 4, prefillTokens: 256 },
    geometry: { ...geometry, contract: 'split-v1' },
  };
});

/** The CPU under both names; each run takes so many milliseconds of a clock of its own, or nothing opens, or nothing runs. */
function machine(
  msOf: Readonly<Record<Provider, number | Error>>,
  breaks: 'when it opens' | 'when it runs' = 'when it opens',
) {
  let clock = 0;
  const released: Provider[] = [];
  const runs: Provider[] = [];
  const open: Means['open'] = async (asked) => {
    const [provider = 'cpu'] = asked.providers;
    const ms = msOf[provider];
    if (ms instanceof Error && breaks === 'when it opens') throw ms;
    const session = await createSession({ ...asked, providers: ['cpu'] });
    return {
      loaded: { ...session.loaded, provider },
      run: (inputs, outputs) => {
        if (ms instanceof Error) return Promise.reject(ms);
        clock += ms;
        runs.push(provider);
        return session.run(inputs, outputs);
      },
      release: async () => {
        released.push(provider);
        await session.release();
      },
    };
  };
  return { released, runs, means: { open, now: () => clock } };
}

test.each([
  ['cuda', { cuda: 1, cpu: 2 }, 'cpu', undefined],
  ['cpu', { cuda: 3, cpu: 2 }, 'cuda', /^cuda: a trial took it \d+ ms, cpu \d+$/],
] as const)('%s is kept where runs take %p', async (provider, msOf, left, passedOver) => {
  const { means, released } = machine(msOf);
  const opened = await openFastest(options, means);
  expect(loadedOf(opened).provider).toBe(provider);
  expect(released).toEqual([left]);
  if (passedOver === undefined) expect(opened.passedOver).toBeUndefined();
  else expect(opened.passedOver).toMatch(passedOver);
  await opened.session.release();
});

test('where one does not open the other is taken, and says why', async () => {
  const gone = machine({ cuda: new Error('no such library'), cpu: 1 });
  const opened = await openFastest(options, gone.means);
  expect(loadedOf(opened)).toEqual({ provider: 'cpu', passedOver: 'cuda: no such library' });
  await opened.session.release();
  const alone = machine({ cuda: 1, cpu: new Error('no memory') });
  const other = await openFastest(options, alone.means);
  expect(loadedOf(other)).toEqual({ provider: 'cuda' });
  await other.session.release();
});

test('one that opens and does not run is released', async () => {
  const { means, released } = machine({ cuda: new Error('no room'), cpu: 1 }, 'when it runs');
  const opened = await openFastest(options, means);
  expect(loadedOf(opened)).toEqual({ provider: 'cpu', passedOver: 'cuda: no room' });
  expect(released).toEqual(['cuda']);
  await opened.session.release();
});

test('the second one is tried for as long as it may be faster', async () => {
  const { means, runs } = machine({ cuda: 1, cpu: 1000 });
  const opened = await openFastest(options, means);
  const runsOf = (provider: Provider): number => runs.filter((one) => one === provider).length;
  expect(runsOf('cpu')).toBeLessThan(runsOf('cuda') / 2);
  await opened.session.release();
});

test('where none opens the last word is that of the CPU', async () => {
  const { means } = machine({ cuda: new Error('no such library'), cpu: new Error('no model') });
  await expect(openFastest(options, means)).rejects.toThrow('no model');
});

test('who asks for one by name gets it, untried', async () => {
  const { means, released, runs } = machine({ cuda: 9, cpu: 1 });
  const opened = await openFastest({ ...options, providers: ['cuda'] }, means);
  expect(loadedOf(opened)).toEqual({ provider: 'cuda' });
  expect(released).toEqual([]);
  // Of the warm-up: two prompts, and a second token after each.
  expect(runs).toHaveLength(4);
  await opened.session.release();
});
