import { expect, test } from '@jest/globals';
import { parseConfig } from '../../../operator/gateway/config.ts';

test('the defaults are complete', () => {
  const parsed = parseConfig({ POD_NAME: 'g' });
  expect(parsed.ok && parsed.value).toMatchObject({ port: 8080, adminPort: 8081, drainSeconds: 30, podName: 'g' });
});

test('every mistake is reported at once', () => {
  const parsed = parseConfig({ LIMBECK_PORT: 'http', LIMBECK_DRAIN_SECONDS: '-1', LIMBECK_LOG_LEVEL: 'loud' });
  expect(parsed.ok ? [] : parsed.violations.map((sentence) => sentence.split(' ')[0])).toEqual([
    'LIMBECK_LOG_LEVEL',
    'LIMBECK_PORT',
    'LIMBECK_DRAIN_SECONDS',
  ]);
});
