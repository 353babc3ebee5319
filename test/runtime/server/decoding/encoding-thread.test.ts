import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { sharedBytes } from '../../../../runtime/server/decoding/tokenizer-bytes.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../support/echo-artefact.ts';
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

/** Whether others have their turn before the tokens are there. */
async function letsOthers(text: string): Promise<boolean> {
  const order: string[] = [];
  setImmediate(() => order.push('other'));
  await codec.encodeAside(text, options).then(() => order.push('tokens'));
  return order[0] === 'other';
}

test('a long text is encoded as ever, while others have their turn', async () => {
  expect(await codec.encodeAside(long, options)).toEqual(codec.encode(long, options));
  expect(await letsOthers(long)).toBe(true);
  expect(watch.seen.size).toBe(1);
});

test('so is the start of one, as far as it can reach', async () => {
  expect(await codec.encodeStart(long, 1000)).toEqual(codec.encode(long, options)?.slice(0, 1000));
  expect(watch.seen.size).toBe(1);
});

test('a short one needs no thread', async () => {
  expect(await codec.encodeAside('größer', options)).toEqual(codec.encode('größer', options));
  expect(await letsOthers('größer')).toBe(false);
  expect(watch.seen.size).toBe(0);
});

test('one that is surely too long is not even sent', async () => {
  expect(await codec.encodeAside(long, { limit: 10, special: true })).toBeUndefined();
  expect(watch.seen.size).toBe(0);
});

test('several at once get their own tokens each', async () => {
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(5000));
  const all = await Promise.all(texts.map((text) => codec.encodeAside(text, options)));
  expect(all.map((tokens) => tokens?.at(-1))).toEqual([97, 98, 99]);
});

test('who waits for a thread that dies is told to come again, and then gets the tokens', async () => {
  const lost = codec.encodeAside(long, options);
  await Promise.all([watch.killAll(), expect(lost).rejects.toMatchObject({ fault: { kind: 'unavailable' } })]);
  expect(await codec.encodeAside(long, options)).toHaveLength(Buffer.byteLength(long));
});
