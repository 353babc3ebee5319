import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { sharedBytes } from '../../../../runtime/server/decoding/tokenizer-bytes.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../support/echo-artefact.ts';
import { embeddingArtefact } from '../../../support/embedding-model.ts';
import { serveModels } from '../../../support/model-server.ts';
import { ask } from '../../../support/openai-caller.ts';
import { WorkerWatch } from '../../../support/worker-threads.ts';

const files = { tokenizer: echoTokenizer, config: echoTokenizerConfig };
const bytes = {
  tokenizer: sharedBytes(JSON.stringify(echoTokenizer)),
  config: sharedBytes(JSON.stringify(echoTokenizerConfig)),
};
const options = { limit: 100_000, special: true };
const long = 'größer '.repeat(5000);

let watch: WorkerWatch;
let codec: TextCodec;

beforeEach(() => {
  watch = new WorkerWatch();
  codec = new TextCodec({ ...files, bytes });
});

afterEach(async () => {
  await watch.killAll();
  watch.stop();
});

const encode = (text: string, goesOn = (): void => undefined): Promise<readonly number[] | undefined> =>
  codec.encodeAside(text, options, goesOn);

/** Whether others have their turn before the tokens are there. */
async function letsOthers(text: string): Promise<boolean> {
  const order: string[] = [];
  setImmediate(() => order.push('other'));
  await encode(text).then(() => order.push('tokens'));
  return order[0] === 'other';
}

const ended = (): boolean => [...watch.seen].every(({ threadId }) => threadId === -1);

test('a long text is encoded as ever, while others have their turn', async () => {
  expect(await encode(long)).toEqual(codec.encode(long, options));
  expect(await letsOthers(long)).toBe(true);
  expect(watch.seen.size).toBe(1);
});

test('so is the start of one, as far as it can reach', async () => {
  expect(await codec.encodeStart(long, 1000, () => undefined)).toEqual(codec.encode(long, options)?.slice(0, 1000));
  expect(watch.seen.size).toBe(1);
});

test('a short one needs no thread', async () => {
  expect(await encode('größer')).toEqual(codec.encode('größer', options));
  expect(await letsOthers('größer')).toBe(false);
  expect(watch.seen.size).toBe(0);
});

test('one that is surely too long is not even sent', async () => {
  expect(await codec.encodeAside(long, { limit: 10, special: true }, () => undefined)).toBeUndefined();
  expect(watch.seen.size).toBe(0);
});

const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(5000));

test('several at once get their own tokens each', async () => {
  const all = await Promise.all(texts.map((text) => encode(text)));
  expect(all.map((tokens) => tokens?.at(-1))).toEqual([97, 98, 99]);
});

test('whom nobody waits for is passed over when it is his turn', async () => {
  let left = false;
  const leaver = (): void => {
    if (left) throw new Error('gone');
  };
  const all = Promise.allSettled(texts.map((text, index) => encode(text, index === 0 ? undefined : leaver)));
  left = true;
  expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(await encode(long)).toHaveLength(Buffer.byteLength(long));
});

/** Takes the better part of a minute. */
const endless = 'a'.repeat(1_000_000);
const patient = { limit: 10_000_000, special: true };

test('a text that takes long is ended when its caller leaves, and the next of its kind has another thread', async () => {
  let left = false;
  const leaver = (): void => {
    if (left) throw new Error('gone');
  };
  const [first, next] = [codec.encodeAside(endless, patient, leaver), codec.encodeAside(endless, patient, leaver)];
  const gone = [first, next].map((tokens) => expect(tokens).rejects.toThrow('gone'));
  const after = encode('b'.repeat(70_000));
  left = true;
  await Promise.all(gone);
  expect(await after).toHaveLength(70_000);
  expect(watch.seen.size).toBe(2);
});

test('nobody waits for a text that takes long but those who send as much', async () => {
  const never = expect(codec.encodeAside(endless, patient, () => undefined)).rejects.toMatchObject({
    fault: { kind: 'unavailable' },
  });
  expect(await encode(long)).toHaveLength(Buffer.byteLength(long));
  await codec.close();
  await never;
});

test('a text of which the tokenizer fails is told so, and the next is encoded', async () => {
  const noText = { length: 5000 } as unknown as string;
  const [wrong, right] = await Promise.allSettled([encode(noText), encode(long)]);
  expect(wrong).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('TypeError') } });
  expect(right.status).toBe('fulfilled');
  expect(watch.seen.size).toBe(1);
});

test('whose text is encoded while the thread dies is told to come again, and the next one has another', async () => {
  const both = Promise.allSettled([encode(long), encode(long)]);
  await watch.killAll();
  const [lost, next] = await both;
  expect(lost).toMatchObject({ status: 'rejected', reason: { fault: { kind: 'unavailable' } } });
  expect(next).toMatchObject({ status: 'fulfilled', value: { length: Buffer.byteLength(long) } });
});

test('a thread that is closed ends in the middle of a text, and there is no other', async () => {
  const refused = { fault: { kind: 'unavailable' } };
  const waiting = [encode(long), encode(long)].map((tokens) => expect(tokens).rejects.toMatchObject(refused));
  await codec.close();
  await Promise.all(waiting);
  expect(ended()).toBe(true);
  await expect(encode(long)).rejects.toMatchObject(refused);
  expect(watch.seen.size).toBe(1);
});

test('a model that is unloaded takes its thread along', async () => {
  const server = await serveModels(embeddingArtefact('m', { pooling: 'mean' }, 10_000), { modelControl: 'explicit' });
  try {
    const sessions = watch.seen.size;
    const answer = await ask(`${server.url}/v1/embeddings`, { model: 'm', input: 'a'.repeat(5000) });
    expect(answer.status).toBe(200);
    expect(watch.seen.size).toBe(sessions + 1);
    await server.engine.unload('m');
    expect(ended()).toBe(true);
  } finally {
    await server.stop();
  }
});
