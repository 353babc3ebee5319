import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { isRecord, parseBigJson, parseJson } from '../../../../runtime/server/protocol/json.ts';

describe('JSON from strangers', () => {
  test('agrees with JSON.parse on everything that a request can be', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 20 }), fc.integer({ min: 0, max: 20_000 }), (text, padding) => {
        const padded = Buffer.from(text + ' '.repeat(padding));
        expect(parseJson(padded)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['lists', '['.repeat(1 << 20)],
    ['65 lists, closed', `${'['.repeat(65)}${']'.repeat(65)}`],
    ['65 lists and objects', `${'[{"a":'.repeat(33)}1${'}]'.repeat(33)}`],
    ['8 KB', `${'['.repeat(7900)}${']'.repeat(7900)}`],
    ['objects', '{"a":'.repeat(1 << 18)],
    ['mixed, after strings full of brackets', `["[[[[\\"[[[",${'[{"":'.repeat(1 << 16)}`],
  ])('a depth bomb of %s', (_what, text) => {
    expect(() => parseJson(Buffer.from(text))).toThrow('the request is nested deeper than 64 levels');
  });

  test('64 levels are allowed, however many there are side by side', () => {
    const text = `[${`${'['.repeat(63)}"[["${']'.repeat(63)},`.repeat(20)}1]`;
    expect(parseJson(Buffer.from(text))).toHaveLength(21);
  });

  test('brackets in strings are no depth', () => {
    const value = { id: '[{"\\'.repeat(20_000), list: Array.from({ length: 100 }, () => ['[', ']]', '\\"']) };
    expect(parseJson(Buffer.from(JSON.stringify(value)))).toEqual(value);
  });

  test('a body that is all brackets', () => {
    const text = `[${'[],'.repeat((1 << 22) + 1)}0]`;
    expect(() => parseJson(Buffer.from(text))).toThrow('more than 4194304 lists and objects');
  });

  test.each(['', '{', '{"a":NaN}', '[Infinity]', "{'a':1}", '{"a":01}', '\u0000'])('%j is refused', (text) => {
    expect(() => parseJson(Buffer.from(text))).toThrow('the request is not JSON: ');
  });

  test.each([
    ['Latin 1', Buffer.from('{"id":"\u00fc"}', 'latin1')],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le')],
  ])('%s is refused', (_what, bytes) => {
    expect(() => parseJson(bytes)).toThrow('the request is not UTF-8');
  });

  test('integers that a double would round stay whole', () => {
    const text = '{"a":[9007199254740993,-9223372036854775808,1,1.5,1e30],"b":18446744073709551615}';
    expect(parseBigJson(Buffer.from(text))).toEqual({
      a: [9007199254740993n, -9223372036854775808n, 1, 1.5, 1e30],
      b: 18446744073709551615n,
    });
  });

  test('a number of a million digits is an infinity at once', () => {
    expect(parseBigJson(Buffer.from(`[${'9'.repeat(1 << 20)},9007199254740993]`))).toEqual([
      Infinity,
      9007199254740993n,
    ]);
  });

  test('wherever they stand, beside strings that look like them', () => {
    const large = '9007199254740993';
    const text = `{"${large}":"${large}","a\\"${large}":[[-${large},"\\\\",${large}],{"b":${large}}],"c":[${large}.5,${large}e2,0.${large},1e-16]}`;
    const whole = BigInt(large);
    expect(parseBigJson(Buffer.from(text))).toEqual({
      ...{ [large]: large, [`a"${large}`]: [[-whole, '\\', whole], { b: whole }] },
      c: [Number(`${large}.5`), Number(`${large}e2`), Number(`0.${large}`), 1e-16],
    });
    expect(parseBigJson(Buffer.from(large))).toBe(whole);
  });

  test('all that a request can be is read alike by both, but for large integers', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        const asNumbers = JSON.stringify(parseBigJson(Buffer.from(text)), (_name, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value,
        );
        expect(asNumbers).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('without a question about every other number, which a large body has millions of', () => {
    const parse = jest.spyOn(JSON, 'parse');
    try {
      parseBigJson(Buffer.from('[1,9007199254740993]'));
      expect(parse.mock.calls).toEqual([[expect.any(String)]]);
    } finally {
      parse.mockRestore();
    }
  });

  test('records', () => {
    expect([{}, [], null, 1, 'a'].map(isRecord)).toEqual([true, false, false, false, false]);
  });
});
