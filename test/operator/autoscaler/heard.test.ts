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

describe('a gateway that is not heard', () => {
  const endsInMs = 45_000;
  /** One that is heard, and one that is not and is looked at. */
  function pair(): Heard {
    const heard = new Heard();
    heard.add('a');
    heard.add('b');
    heard.take('a', {}, true);
    return heard;
  }

  test('is waited for without end while its pod may serve; that is told once, and the end of it', () => {
    const heard = pair();
    const told = [0, 14_999, 15_000, 1_000_000].map((nowMs) => heard.look('b', undefined, nowMs));
    expect(told).toEqual([undefined, undefined, 'silent', undefined]);
    expect([heard.complete, heard.heard, heard.expected]).toEqual([false, 1, 2]);
    heard.take('b', {}, true);
    expect([heard.look('b', undefined, 1_000_001), heard.complete]).toEqual(['heard', true]);
  });

  test('counts no more once its pod has had all the time that it has to end', () => {
    const heard = pair();
    heard.look('b', endsInMs, 1000);
    expect([heard.look('b', endsInMs, 45_999), heard.complete]).toEqual(['silent', false]);
    expect([heard.look('b', endsInMs, 46_000), heard.complete]).toEqual(['gone', true]);
    expect([heard.heard, heard.expected]).toEqual([1, 1]);
    expect(heard.look('b', endsInMs, 47_000)).toBeUndefined();
  });

  test('that has been silent for long has that time from when its pod began to end', () => {
    const heard = pair();
    heard.look('b', undefined, 0);
    heard.look('b', endsInMs, 500_000);
    expect(heard.look('b', endsInMs, 544_999)).toBeUndefined();
    expect(heard.look('b', endsInMs, 545_000)).toBe('gone');
  });

  test('has that time from its last line, also from one that came between two looks', () => {
    const heard = pair();
    heard.look('b', endsInMs, 0);
    heard.take('b', {}, true);
    heard.lost('b');
    expect(heard.look('b', endsInMs, 45_000)).toBeUndefined();
    expect([heard.look('b', endsInMs, 89_999), heard.complete]).toEqual(['silent', false]);
    expect([heard.look('b', endsInMs, 90_000), heard.complete]).toEqual(['gone', true]);
  });

  test('counts again when it is heard, or when another pod has its address', () => {
    const heard = pair();
    heard.look('b', endsInMs, 0);
    heard.look('b', endsInMs, 45_000);
    heard.take('b', { 'x/y': counts(1, 0, 5) }, true);
    expect([heard.expected, heard.complete, heard.asked('x/y')]).toEqual([2, true, { inFlight: 1, waiting: 0 }]);
    heard.lost('b');
    expect([heard.expected, heard.complete]).toEqual([2, false]);
    const another = pair();
    another.look('b', endsInMs, 0);
    another.look('b', endsInMs, 45_000);
    another.look('b', undefined, 46_000);
    expect([another.expected, another.complete]).toEqual([2, false]);
  });

  test('that has ended says nothing where no other one is heard', () => {
    const heard = new Heard();
    heard.add('b');
    heard.look('b', endsInMs, 0);
    heard.look('b', endsInMs, 45_000);
    expect([heard.complete, heard.expected]).toEqual([false, 0]);
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
