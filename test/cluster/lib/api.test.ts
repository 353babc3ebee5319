import { expect, test } from '@jest/globals';
import { run } from '../../support/shell.ts';

const parts = ['common', 'process', 'conflicts', 'api'].map((part) => `lib/${part}.sh`);

const preflight = (held: number, own: number) =>
  run(
    [],
    `export LIMBECK_API_PORT=15443
    ${parts.map((part) => `. cluster/${part}`).join('; ')}
    ss() { [[ $2 != *:${held} ]] || echo 'LISTEN 0 1 127.0.0.1:${held} 0.0.0.0:* users:(("x",pid=2147483647,fd=4))'; }
    processes_of() { echo ${own}; }
    api_preflight`,
  );

test('the port of an API server of its own is told to be in use before it starts', async () => {
  expect(await preflight(15443, 1)).toMatchObject({
    code: 1,
    error: expect.stringContaining('port 15443 is in use by'),
  });
});

test('its port is free for itself, and others do not matter', async () => {
  expect((await preflight(15443, 2_147_483_647)).code).toBe(0);
  expect((await preflight(15444, 1)).code).toBe(0);
});

test('those that killed tests left are removed, and those in use are not', async () => {
  const script = `mkdir -p "$CACHE"/api "$CACHE"/api-faults "$CACHE"/other
    ensure "$CACHE/api" etcd sleep 60; left=$(pid_of "$CACHE/api" etcd)
    exec 7>"$CACHE/api-faults.lock"; flock 7
    remove_left_apis
    alive_still() { kill -0 "$left" 2>/dev/null; }; alive_still && echo 'still alive'; ls -d "$CACHE"/{api,api-faults,other}`;
  const { out, error } = await run([...parts, 'lib/sweep.sh'], script);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => line.replace(/.*\//, '')),
  ).toEqual(['api-faults', 'other']);
  expect(error).toContain('api-faults is in use, and stays');
});
