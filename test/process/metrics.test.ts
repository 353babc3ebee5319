import perfHooks from 'node:perf_hooks';
import { describe, expect, jest, test } from '@jest/globals';
import { createRegistry } from '../../process/metrics.ts';

describe('createRegistry', () => {
  test('registries are apart, and every series names its component', async () => {
    const [first, second] = [createRegistry('a'), createRegistry('b')];
    expect(first).not.toBe(second);
    const lines = (await first.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.every((line) => line.includes('component="a"'))).toBe(true);
  });

  test('the event loop is looked at when somebody asks, and not a hundred times a second', async () => {
    const monitor = jest.spyOn(perfHooks, 'monitorEventLoopDelay');
    const text = await createRegistry('a').metrics();
    const periodsMs = monitor.mock.calls.map(([options]) => options?.resolution);
    expect(periodsMs).toEqual([3_600_000]);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).not.toMatch(/nodejs_eventloop_lag_(min|max|mean|stddev|p\d+)_seconds/);
  });
});
