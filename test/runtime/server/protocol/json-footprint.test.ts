import { expect, jest, test } from '@jest/globals';
import { footprintOf } from '../../../../runtime/server/protocol/json-footprint.ts';

const times = 10_000;

/** What a list of many such elements takes beyond its text, for each of them. */
function each(element: string): number {
  const text = Buffer.from(`[${`${element},`.repeat(times)}0]`);
  // The brackets are one more list.
  return (footprintOf(text, Infinity) - text.length - 64) / times;
}

test.each([
  ['a digit', '1000000', 12],
  ['a fraction of many digits', '0.12345678901234567', 12],
  ['an integer that a double may round', '1234567890123456', 12 + 128],
  ['a negative one', '-12345678901234567890', 12 + 128],
  ['a text', '"abcdef"', 12 + 64],
  ['a text full of what would count outside', '"[{,:\\"1234567890123456"', 12 + 64],
  ['a list of one', '[12345]', 12 + 64],
  ['an object with a member', '{"abc":1}', 12 + 64 + 64 + 12],
])('%s', (_what, element, bytes) => expect(each(element)).toBe(bytes));

test.each([
  ['a text alone', JSON.stringify(',[{'.repeat(times * 10))],
  ['what is no JSON', ',[{'.repeat(times * 10)],
  ['nothing', ''],
  ['a short text', '"a"'],
])('%s takes what it is', (_what, text) => expect(footprintOf(Buffer.from(text), Infinity)).toBe(text.length));

test('of a small body that has parts four times as much, without a look', () => {
  for (const text of ['[1,2]', ' \n\t\r{"a":[]}'])
    expect(footprintOf(Buffer.from(text), Infinity)).toBe(4 * text.length);
});

test('blanks in front hide nothing', () => {
  const text = Buffer.from(`${' '.repeat(70_000)}[${'1,'.repeat(times)}0]`);
  expect(footprintOf(text, Infinity)).toBe(text.length + 64 + 12 * times);
});

test('many blanks are passed over without a call for each', () => {
  const search = jest.spyOn(Buffer.prototype, 'includes');
  try {
    expect(footprintOf(Buffer.alloc(times, ' \t\r\n'), Infinity)).toBe(times);
    expect(search).not.toHaveBeenCalled();
  } finally {
    search.mockRestore();
  }
});

test.each(['\v', '\f', '\0', '\u00a0', '\ufeff'])('%j is no blank of JSON', (letter) => {
  const text = Buffer.from(`${letter}[1,2]`);
  expect(footprintOf(text, Infinity)).toBe(text.length);
});

test('what is more than enough is looked at no further', () => {
  const text = Buffer.from(`[${'1,'.repeat(times * 10)}0]`);
  const found = footprintOf(text, text.length + 1000);
  expect(found - text.length).toBeGreaterThan(1000);
  expect(found - text.length).toBeLessThan(1200);
});

test('a text that never ends, or ends with its escape, is gone through to its end', () => {
  for (const tail of ['"abc', '"abc\\']) {
    const text = Buffer.from(`[${'1,'.repeat(times * 4)}${tail}`);
    expect(footprintOf(text, Infinity)).toBe(text.length + 64 + 12 * times * 4 + 64);
  }
});
