import { expect, test } from '@jest/globals';
import { lines } from '../../../runtime/store/lines.ts';

function linesOf(pieces: readonly string[], most = 100): readonly string[] {
  const found: string[] = [];
  const whole = lines(most, (line) => found.push(line));
  for (const piece of pieces) whole.push(piece);
  whole.end();
  return found;
}

test.each([
  [['one\ntwo\n'], ['one', 'two']],
  [
    ['o', 'ne\nt', 'wo'],
    ['one', 'two'],
  ],
  [
    ['one\n', '\n', 'two\n'],
    ['one', '', 'two'],
  ],
  [['one', '\n'], ['one']],
  [[''], []],
  [[], []],
])('%j are the lines %j', (pieces, found) => {
  expect(linesOf(pieces)).toEqual(found);
});

test('of a line that is too long its beginning stays, however it comes', () => {
  expect(linesOf(['0123456789\nab\n'], 4)).toEqual(['0123', 'ab']);
  expect(linesOf(['0', '1', '23456', '789', '\n', 'ab'], 4)).toEqual(['0123', 'ab']);
});
