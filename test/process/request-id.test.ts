import { describe, expect, test } from '@jest/globals';
import { requestIdOf, traceIdOf } from '../../process/request-id.ts';

const newId = (): string => 'new';

describe('the name of a request', () => {
  test.each([
    ['a-1', 'a-1'],
    ['x'.repeat(128), 'x'.repeat(128)],
    ['x'.repeat(129), 'new'],
    ['', 'new'],
    ['two words', 'new'],
    ['é', 'new'],
    ['line\nbreak', 'new'],
    [['a', 'b'], 'new'],
    [undefined, 'new'],
  ])('%j is told as %j', (given, told) => {
    expect(requestIdOf(given, newId)).toBe(told);
  });
});

describe('the trace of a request', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const parent = '00f067aa0ba902b7';

  test.each([
    [`00-${trace}-${parent}-01`, trace],
    [`00-${trace}-${parent}-00`, trace],
    [`01-${trace}-${parent}-01-what-comes-later`, trace],
    [`00-${trace}-${parent}-01-more`, undefined],
    [`ff-${trace}-${parent}-01`, undefined],
    [`00-${'0'.repeat(32)}-${parent}-01`, undefined],
    [`00-${trace}-${'0'.repeat(16)}-01`, undefined],
    [`00-${trace.toUpperCase()}-${parent}-01`, undefined],
    [`00-${trace}-${parent}-012`, undefined],
    [`00-${trace}`, undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is of %j', (given, expected) => {
    expect(traceIdOf(given)).toBe(expected);
  });
});
