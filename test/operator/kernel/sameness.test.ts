import { describe, expect, test } from '@jest/globals';
import { canonical, contains, hashOf, isSameButVersion } from '../../../operator/kernel/sameness.ts';

describe('canonical', () => {
  test('neither order nor undefined members matter', () => {
    expect(canonical({ b: 1, a: { d: undefined, c: [2] } })).toBe(canonical({ a: { c: [2] }, b: 1 }));
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: 2 }));
    expect(canonical(undefined)).toBe('null');
  });

  test('half a character is what becomes of it on its way', () => {
    expect(canonical({ a: '😀'.slice(0, 1) })).toBe(canonical({ a: '\ufffd' }));
  });
});

describe('contains', () => {
  test.each<[string, unknown, unknown, boolean]>([
    ['equal values', { a: 1 }, { a: 1 }, true],
    ['a member the server added', { a: 1, b: 2 }, { a: 1 }, true],
    ['a member that is missing', {}, { a: 1 }, false],
    ['a member that drifted', { a: 2 }, { a: 1 }, false],
    ['an empty wish the server left out', {}, { a: '', b: [], c: {}, d: { e: '' } }, true],
    ['a stated false that somebody took away: by default it may be true', { a: {} }, { a: { b: false } }, false],
    ['the same together with what it is in', {}, { a: { b: false } }, false],
    ['a stated 0 that somebody took away', {}, { a: 0 }, false],
    ['a wish of undefined', {}, { a: undefined }, true],
    ['defaults inside list entries', { c: [{ name: 'x', port: 1 }] }, { c: [{ name: 'x' }] }, true],
    ['list entries that others added', { c: [{ name: 'y' }, { name: 'x' }] }, { c: [{ name: 'x' }] }, true],
    ['a list entry that is missing', { c: [{ name: 'y' }] }, { c: [{ name: 'x' }] }, false],
    ['arguments, taken literally', { args: ['a', 'b'] }, { args: ['a'] }, false],
    ['a list where there is none', { c: 1 }, { c: [{ name: 'x' }] }, false],
  ])('%s', (_, actual, wanted, expected) => {
    expect(contains(actual, wanted)).toBe(expected);
  });
});

describe('of an object nothing is new', () => {
  const one = (resourceVersion: string, status: object = { a: [1] }, uid = '1') => ({
    ...{ apiVersion: 'v1', kind: 'Node', status },
    metadata: { name: 'one', uid, resourceVersion },
  });
  test.each<[string, ReturnType<typeof one> | undefined, boolean]>([
    ['where its version alone is', one('2'), true],
    ['unless there was none', undefined, false],
    ['unless it says something else', one('2', { a: [2] }), false],
    ['unless it says more', one('2', { a: [1], b: undefined, c: 3 }), false],
    ['unless it is another one', one('2', { a: [1] }, '2'), false],
  ])('%s', (_, before, expected) => {
    expect(isSameButVersion(before, one('3'))).toBe(expected);
  });
});
