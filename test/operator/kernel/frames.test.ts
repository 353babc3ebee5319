import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eventOf, linesOf } from '../../../operator/kernel/frames.ts';

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of [...sizes, bytes.length]) {
    await Promise.resolve();
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function collect(bytes: Buffer, sizes: readonly number[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(cut(bytes, sizes))) lines.push(line);
  return lines;
}

describe('linesOf', () => {
  test('it does not matter where the bytes are cut, not even inside a character', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(9)), async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        expect(await collect(bytes, sizes)).toEqual(lines.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  test('a half line at the end never happened', async () => {
    expect(await collect(Buffer.from('one\n{"ty'), [])).toEqual(['one']);
  });
});

describe('eventOf', () => {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', resourceVersion: '7' } };
  const frame = (type: string, of: object = object): string => JSON.stringify({ type, object: of });

  test('the bookmark that ends a list says so', () => {
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const ending = { ...object, metadata: { ...object.metadata, annotations } };
    expect(eventOf(frame('BOOKMARK', ending))).toEqual({ kind: 'bookmark', resourceVersion: '7', endsList: true });
  });

  test.each([
    ['ADDED', { kind: 'put', object, added: true }],
    ['MODIFIED', { kind: 'put', object, added: false }],
    ['DELETED', { kind: 'removed', object }],
    ['BOOKMARK', { kind: 'bookmark', resourceVersion: '7' }],
  ])('%s', (type, expected) => {
    expect(eventOf(frame(type))).toEqual(expected);
  });

  test.each<[string, string, object]>([
    ['an expired version', frame('ERROR', { code: 410, message: 'too old' }), { code: 'gone', message: 'too old' }],
    ['an error without a code', frame('ERROR', {}), { code: 'unavailable', message: 'watch failed' }],
    ['an unknown type', frame('SURPRISE'), { code: 'unavailable', status: 200 }],
    ['no JSON', '<html>', { code: 'unavailable', message: 'unreadable watch frame', status: 200 }],
  ])('%s ends the stream', (_, line, expected) => {
    expect(() => eventOf(line)).toThrow(expect.objectContaining(expected));
  });
});
