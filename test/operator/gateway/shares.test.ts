import { describe, expect, test } from '@jest/globals';
import { Budget, type Memory } from '../../../operator/gateway/body.ts';
import { headBytes, Shares } from '../../../operator/gateway/shares.ts';

/** 1600 bytes and 800 in reserve, as two services of a namespace and one of another see them. */
function memories(): readonly [Memory, Memory, Memory] {
  const shares = new Shares(new Budget(1600));
  return [
    shares.of({ key: 'team-a/digits', namespace: 'team-a' }),
    shares.of({ key: 'team-a/letters', namespace: 'team-a' }),
    shares.of({ key: 'team-b/digits', namespace: 'team-b' }),
  ];
}

/** Takes until there is no more of it; says how much that was. */
function takeAll(memory: Memory, spent: (memory: Memory) => boolean): number {
  let taken = 0;
  while (!spent(memory)) {
    memory.take(1);
    taken++;
  }
  return taken;
}

const notFree = ({ free }: Memory): boolean => free <= 0;
const exhausted = (memory: Memory): boolean => memory.exhausted;

describe('of the memory that is free', () => {
  test.each([
    ['without the reserve', notFree, [1200, 200, 150]],
    ['with the reserve', exhausted, [1800, 300, 225]],
  ] as const)(
    '%s a service takes three quarters, its namespace seven eighths, and others find some',
    (_, spent, parts) => {
      expect(memories().map((memory) => takeAll(memory, spent))).toEqual(parts);
    },
  );

  test('others may take what one gives back, and nothing is left over', () => {
    const [first, second, third] = memories();
    first.take(1800);
    expect([first.exhausted, third.exhausted]).toEqual([true, false]);
    third.take(450);
    expect(third.exhausted).toBe(true);
    first.give(1800);
    expect([first.exhausted, third.exhausted]).toEqual([false, false]);
    third.give(450);
    expect([first.free, second.free, third.free, third.roomy]).toEqual([1600, 1600, 1600, true]);
  });
});

test('a head takes what its letters take, and something for each text and for itself', () => {
  const rawHeaders = ['Host', 'digits.default', 'X-Long', 'x'.repeat(1000)];
  expect(headBytes({ url: '/v2', rawHeaders })).toBe(16_384 + 4 * 64 + 3 + 4 + 14 + 6 + 1000);
});
