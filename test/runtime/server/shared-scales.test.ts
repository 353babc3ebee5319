import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sharesScales } from '../../../runtime/server/shared-scales.ts';
import { folderWith } from '../../support/model-server.ts';

const operator = Buffer.from('DynamicQuantizeLinear');
const chunk = 1 << 20;

test.each<[string, Buffer, boolean]>([
  ['an empty file', Buffer.alloc(0), false],
  ['no such operator', Buffer.concat([Buffer.alloc(chunk, 'Dynamic'), Buffer.from('QuantizeLinear')]), false],
  ['one at the end', Buffer.concat([Buffer.alloc(chunk + 9), operator]), true],
  ['one across two chunks', Buffer.concat([Buffer.alloc(chunk - 9), operator, Buffer.alloc(chunk)]), true],
  ['one that is all but its last letter in a chunk', Buffer.concat([Buffer.alloc(chunk - 14), operator]), true],
])('%s', async (_what, bytes, shares) => {
  const path = join(await folderWith({ 'model.onnx': bytes }), 'model.onnx');
  expect(await sharesScales(path)).toBe(shares);
});
