import { expect, test } from '@jest/globals';
import { parseConfig } from '../../../runtime/store/config.ts';

const words = ['versitygw', 'posix', '/data'];

function valueOf(environment: Readonly<Record<string, string>> = {}) {
  const read = parseConfig(environment, words);
  if (!read.ok) throw new Error(read.violations.join());
  return read.value;
}

test('a program, its arguments and their folder are all that has to be told', () => {
  expect(valueOf()).toEqual({
    ...{ program: 'versitygw', args: ['posix', '/data'], volume: '/data' },
    environment: { VGW_PORT: ':7070', VGW_HEALTH: '/healthz', VGW_QUIET: 'true', VGW_ACCESS_LOG: 'stdout' },
    healthUrl: 'http://127.0.0.1:7070/healthz',
    ...{ secrets: [], adminPort: 8081, graceMs: 12_000, logLevel: 'info' },
  });
});

test('the S3 server gets the environment, and says what is read of it here', () => {
  const given = { ROOT_ACCESS_KEY: 'a', ROOT_SECRET_KEY: 'b', VGW_REGION: 'mars', VGW_ACCESS_LOG: '/file' };
  const { environment, secrets } = valueOf(given);
  expect(environment).toMatchObject({ ROOT_ACCESS_KEY: 'a', VGW_REGION: 'mars', VGW_ACCESS_LOG: 'stdout' });
  expect(secrets).toEqual(['a', 'b']);
});

test('it is asked where it listens', () => {
  const { healthUrl } = valueOf({ VGW_PORT: '10.0.0.1:9000', VGW_HEALTH: '/well' });
  expect(healthUrl).toBe('http://10.0.0.1:9000/well');
});

test.each([
  [{ VGW_PORT: ':7070,:7071' }, 'VGW_PORT must be one port, as in :7070 or 127.0.0.1:7070'],
  [{ VGW_PORT: '/run/socket' }, 'VGW_PORT must be one port, as in :7070 or 127.0.0.1:7070'],
  [{ LIMBECK_ADMIN_PORT: 'x' }, 'LIMBECK_ADMIN_PORT must be a whole number from 0 to 65535, not "x"'],
  [{ LIMBECK_GRACE_SECONDS: '-1' }, 'LIMBECK_GRACE_SECONDS must be a whole number from 0 to 3600, not "-1"'],
  [{ LIMBECK_LOG_LEVEL: 'loud' }, 'LIMBECK_LOG_LEVEL must be one of debug, info, warn, error'],
])('%j is refused', (environment: Readonly<Record<string, string>>, violation) => {
  expect(parseConfig(environment, words)).toEqual({ ok: false, violations: [violation] });
});

test.each([[[]], [['versitygw']]])('the arguments %j are refused', (given: readonly string[]) => {
  expect(parseConfig({}, given)).toEqual({
    ok: false,
    violations: ['the arguments must be a program and what it is told, last of all the folder of its buckets'],
  });
});
