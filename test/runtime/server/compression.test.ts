import { gunzipSync, inflateSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { codingOf, compress, isWorthwhile } from '../../../runtime/server/compression.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['identity', undefined],
  ['br', undefined],
  ['gzip', 'gzip'],
  ['GZip', 'gzip'],
  ['br, deflate;q=0.5, gzip', 'deflate'],
  ['gzip;q=0, deflate', 'deflate'],
  ['gzip; q=0.000', undefined],
  ['gzip;q=0.001', 'gzip'],
  ['*', undefined],
])('Accept-Encoding %j is answered with %j', (header, coding) => expect(codingOf(header)).toBe(coding));

test('what is compressed comes back', async () => {
  const text = 'so it is '.repeat(1000);
  expect(gunzipSync(await compress(text, 'gzip')).toString()).toBe(text);
  expect(inflateSync(await compress(Buffer.from(text), 'deflate')).toString()).toBe(text);
  expect((await compress(text, 'gzip')).length).toBeLessThan(text.length / 10);
});

test('a small body stays as it is', () => {
  expect([100, 1023, 1024].map(isWorthwhile)).toEqual([false, false, true]);
});
