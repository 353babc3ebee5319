import { expect, test } from '@jest/globals';
import { progressMetrics } from '../../../operator/progress/metrics.ts';
import { freshRegistry } from '../../support/toy.ts';

test('questions are counted by kind and result, pods as they are', async () => {
  const registry = freshRegistry();
  const { asked } = progressMetrics(registry, () => ({
    pods: 7,
    pace: { firstMs: 2000, otherMs: 36_000 },
    lateMs: 1500,
  }));
  asked('trainer', 'answered');
  asked('trainer', 'answered');
  asked('server', 'silent');
  const text = await registry.metrics();
  expect(text).toMatch(/limbeck_progress_pulls_total\{kind="trainer",result="answered",.*\} 2/);
  expect(text).toMatch(/limbeck_progress_pulls_total\{kind="server",result="silent",.*\} 1/);
  expect(text).toMatch(/limbeck_progress_pods\{.*\} 7/);
  expect(text).toMatch(/limbeck_progress_late_seconds\{.*\} 1.5/);
  expect(text).toMatch(/limbeck_progress_interval_seconds\{who="first",.*\} 2\n/);
  expect(text).toMatch(/limbeck_progress_interval_seconds\{who="other",.*\} 36\n/);
});
