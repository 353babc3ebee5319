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

test.each([15443, 15444, 15445])(
  'port %i of an API server of its own is told to be in use before it starts',
  async (port) => {
    expect(await preflight(port, 1)).toMatchObject({
      code: 1,
      error: expect.stringContaining(`port ${port} is in use by`),
    });
  },
);

test('its ports are free for itself, and others do not matter', async () => {
  expect((await preflight(15443, 2_147_483_647)).code).toBe(0);
  expect((await preflight(15446, 1)).code).toBe(0);
});
