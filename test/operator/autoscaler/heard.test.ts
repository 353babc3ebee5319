import { describe, expect, test } from '@jest/globals';
import { Heard, parseLine, type Counts } from '../../../operator/autoscaler/heard.ts';

const counts = (inFlight: number, waiting: number, arrived: number): Counts => ({ inFlight, waiting, arrived });

describe('what is heard', () => {
  test('is summed over gateways, and complete only when all were heard', () => {
    const heard = new Heard();
    expect(heard.complete).toBe(false);
    heard.add('a');
    heard.add('b');
    heard.take('a', { 'x/y': counts(1, 2, 3) }, true);
    expect([heard.complete, heard.asked('x/y')]).toEqual([false, { inFlight: 1, waiting: 2 }]);
    heard.take('b', { 'x/y': counts(10, 20, 30) }, true);
    expect([heard.complete, heard.asked('x/y')]).toEqual([true, { inFlight: 11, waiting: 22 }]);
    heard.lost('b');
    expect([heard.complete, heard.asked('x/y')]).toEqual([false, { inFlight: 1, waiting: 2 }]);
    heard.remove('b');
    expect(heard.complete).toBe(true);
  });

  test('the first snapshot of a gateway is where counting begins', () => {
    const heard = new Heard();
    heard.add('a');
    expect([...heard.take('a', { 'x/y': counts(0, 0, 1000) }, true)]).toEqual([]);
    expect([...heard.take('a', { 'x/y': counts(0, 0, 1001) }, false)]).toEqual([['x/y', 1]]);
    expect([...heard.take('a', { 'x/new': counts(0, 0, 2) }, false)]).toEqual([['x/new', 2]]);
  });

  test('left out: nobody there, and the arrivals of before', () => {
    const heard = new Heard();
    heard.add('a');
    heard.take('a', { 'x/y': counts(1, 0, 5) }, true);
    expect([...heard.take('a', {}, false)]).toEqual([]);
    expect(heard.asked('x/y')).toEqual({ inFlight: 0, waiting: 0 });
    expect([...heard.take('a', { 'x/y': counts(0, 0, 6) }, false)]).toEqual([['x/y', 1]]);
  });

  test('demand that came and went while nobody listened is told by the next snapshot', () => {
    const heard = new Heard();
    heard.add('a');
    heard.take('a', { 'x/y': counts(0, 0, 5) }, true);
    heard.lost('a');
    expect([...heard.take('a', { 'x/y': counts(0, 0, 9) }, true)]).toEqual([['x/y', 4]]);
  });

  test('a restarted gateway counts from nothing', () => {
    const heard = new Heard();
    heard.add('a');
    heard.take('a', { 'x/y': counts(0, 0, 500) }, true);
    heard.lost('a');
    expect([...heard.take('a', { 'x/y': counts(0, 1, 2) }, true)]).toEqual([['x/y', 2]]);
  });
});

test.each<[string, string, unknown]>([
  [
    'a line',
    '{"at":1,"gateway":"g","services":{"a/b":{"inFlight":1,"waiting":2,"arrived":3}}}',
    { 'a/b': counts(1, 2, 3) },
  ],
  ['nothing there', '{"services":{}}', {}],
  ['half a line', '{"services":{', undefined],
  ['something else', '[]', undefined],
  ['no counts', '{"services":{"a/b":{"inFlight":"1"}}}', undefined],
  ['negative', '{"services":{"a/b":{"inFlight":-1,"waiting":0,"arrived":0}}}', undefined],
])('parses %s', (_, text, expected) => {
  expect(parseLine(text)).toEqual(expected);
});
