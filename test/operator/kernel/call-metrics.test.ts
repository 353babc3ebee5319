import { expect, test } from '@jest/globals';
import { callMetrics } from '../../../operator/kernel/call-metrics.ts';
import { scraped } from '../../support/scraped.ts';
import { freshRegistry } from '../../support/toy.ts';

test('what is scraped of requests: time by verb, resource and code, and those that wait', async () => {
  const registry = freshRegistry();
  const call = { method: 'GET', path: '/', resource: 'pods', verb: 'list' } as const;
  const counts = callMetrics(registry);
  const watch = { ...call, verb: 'watch' } as const;
  for (const one of [call, watch, watch]) counts.sent(one);
  for (const one of [call, watch]) counts.answered(one, '200', 0.01);
  const lines = await scraped(registry, 'limbeck_api_request_seconds_count');
  // The head of a watch comes with its first event: that is no latency.
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/verb="list",resource="pods",code="200".* 1$/);
  const waiting = await scraped(registry, 'limbeck_api_requests_in_flight');
  expect(waiting.map((line) => /verb="(\w+)".* (\d+)$/.exec(line)?.slice(1))).toEqual([
    ['list', '0'],
    ['watch', '1'],
  ]);
});
