import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Turns } from '../../../operator/kernel/turns.ts';

const groupOf = (one: string): string => one.slice(0, 1);

function waiting(...all: readonly string[]): Turns<string> {
  const turns = new Turns(groupOf);
  for (const [at, one] of all.entries()) turns.add(one, at);
  return turns;
}

function order(turns: Turns<string>, admits?: (group: string) => boolean): readonly string[] {
  const taken: string[] = [];
  for (let next = turns.take(admits); next !== undefined; next = turns.take(admits)) taken.push(next.one);
  return taken;
}

describe('Turns', () => {
  test('each group has its turn, however many wait in another; within one, whoever came first', () => {
    expect(order(waiting('a1', 'a2', 'a3', 'b1', 'c1', 'c2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  });

  test('a group that is not admitted keeps those who wait', () => {
    const turns = waiting('a1', 'a2', 'b1');
    expect([order(turns, (group) => group === 'b'), turns.size, order(turns)]).toEqual([['b1'], 2, ['a1', 'a2']]);
  });

  test('who comes twice waits once, since the first time', () => {
    const turns = waiting('a1', 'b1', 'a1');
    expect([turns.size, turns.since('a1'), turns.since('c1')]).toEqual([2, 0, undefined]);
  });

  test('tells who waits longest', () => {
    const turns = waiting('a1', 'b1');
    turns.delete('a1');
    expect([turns.oldest, new Turns(groupOf).oldest]).toEqual([1, undefined]);
  });

  const step = fc.tuple(fc.constantFrom('add', 'delete', 'take'), fc.constantFrom('a1', 'a2', 'b1', 'c1'));
  test('nobody is lost, and nobody taken twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const [turns, model] = [new Turns(groupOf), new Set<string>()];
        for (const [what, one] of steps) {
          if (what === 'add') {
            turns.add(one);
            model.add(one);
          } else if (what === 'delete') {
            turns.delete(one);
            model.delete(one);
          } else {
            const taken = turns.take();
            expect(taken === undefined ? model.size === 0 : model.delete(taken.one)).toBe(true);
          }
          expect(turns.size).toBe(model.size);
        }
        expect(new Set(order(turns))).toEqual(model);
      }),
    );
  });
});
