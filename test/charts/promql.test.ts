import { expect, test } from '@jest/globals';
import { selectorsOf } from './promql.ts';

test('tells metrics, matchers, and what each is grouped and matched by', () => {
  const expression = 'max by (pod) (up{job="a",code!="5"}) > 1 and on (pod) max by (node) (rate(down[5m])) == 1';
  expect(selectorsOf(expression)).toEqual([
    {
      metric: 'up',
      matchers: [
        { label: 'job', operator: '=', value: 'a' },
        { label: 'code', operator: '!=', value: '5' },
      ],
      groupedBy: ['pod', 'pod'],
    },
    { metric: 'down', matchers: [], groupedBy: ['node', 'pod'] },
  ]);
});

test.each(['max(up', 'up{job=a}', 'up{job="a"', 'rate(up[5])) > 1', 'up > > 1', 'increase(up[10x])', 'most(up)'])(
  '%s is not PromQL',
  (expression) => {
    expect(() => selectorsOf(expression)).toThrow('not PromQL');
  },
);
