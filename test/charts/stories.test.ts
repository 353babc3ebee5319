import { describe, expect, test } from '@jest/globals';
import { evaluate } from './promrules.ts';
import { complaints, seen, type Case, type Expected } from './stories.ts';

const told = (fires: Case['fires']): Case => ({
  ...{ story: 'a pod is there for a while', lasts: '3m', fires },
  series: { 'limbeck_leader{pod="a"}': { '30s': 1, '1m30s': 'gone' }, 'limbeck_leader{pod="b"}': { '0s': 0 } },
});

test('a Prometheus sees a pod when it looks, and once that it is gone', () => {
  const { series, evaluations } = seen(told('never'), { scrape: 30, evaluate: 60 });
  expect(series[0]?.samples).toEqual([{ at: 34, value: 1 }, { at: 64, value: 1 }, { at: 94 }]);
  // Each pod at a moment of its own.
  expect(series[1]?.samples.map(({ at }) => at)).toEqual([15, 45, 75, 105, 135, 165]);
  expect(series[1]?.labels).toMatchObject({ __name__: 'limbeck_leader', namespace: 'limbeck-system', pod: 'b' });
  expect(evaluations).toEqual([0, 60, 120, 180]);
});

describe('a complaint', () => {
  const evaluations = [0, 60, 120, 180, 240];
  const labels = { alertname: 'LimbeckNew', severity: 'warning', namespace: 'limbeck-system', pod: 'a' };
  const at = (...times: readonly number[]) => times.map((time) => ({ at: time, labels, annotations: {} }));
  const wanted: Expected = { begins: ['1m', '2m'], ends: ['2m', '3m'], labels: { pod: 'a' } };

  test.each([
    { is: 'none where it fires as it must', fires: [wanted], firings: at(120, 180), sentences: [] },
    { is: 'none where it must not and does not', fires: 'never', firings: [], sentences: [] },
    {
      is: 'one where it must not',
      fires: 'never',
      firings: at(120),
      sentences: [/^fires from 2m0s to 2m0s with .*pod=a, and must not/],
    },
    {
      is: 'one where it does not',
      fires: [wanted],
      firings: [],
      sentences: [/^does not fire from 1m..2m to 2m..3m with .*pod=a/],
    },
    {
      is: 'two where it begins too late',
      fires: [wanted],
      firings: at(180),
      sentences: [/^fires from 3m/, /^does not fire/],
    },
    {
      is: 'two where it ends too late',
      fires: [wanted],
      firings: at(120, 180, 240),
      sentences: [/to 4m0s/, /^does not/],
    },
    {
      is: 'three where it breaks off',
      fires: [wanted],
      firings: at(60, 180),
      sentences: [/1m0s to 1m0s/, /3m0s/, /^does not/],
    },
    {
      is: 'two where it has another label',
      fires: [{ ...wanted, labels: { pod: 'a', job: 'x' } }],
      firings: at(120),
      sentences: [/^fires/, /^does not/],
    },
  ] as const)('is $is', ({ fires, firings, sentences }) => {
    const found = complaints(told(fires), firings, evaluations);
    expect(found).toEqual(sentences.map((sentence) => expect.stringMatching(sentence)));
  });

  test('comes from Prometheus where a rule is none', async () => {
    const file = (expr: string, summary: string) =>
      JSON.stringify({ groups: [{ name: 'a', rules: [{ alert: 'New', expr, annotations: { summary } }] }] });
    await expect(evaluate(file('max(up > 1', ''), [])).rejects.toThrow('unclosed left parenthesis');
    await expect(evaluate(file('up', '{{ $label.pod }}'), [])).rejects.toThrow('undefined variable');
    const twice = {
      series: [1, 2].map((pod) => ({ labels: { __name__: `m${String(pod)}` }, samples: [{ at: 0, value: 1 }] })),
      evaluations: [0],
    };
    await expect(evaluate(file('{__name__=~"m."}', ''), [twice])).rejects.toThrow(
      'New: vector contains metrics with the same labelset',
    );
  });
});
