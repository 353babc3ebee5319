import { expect, test } from '@jest/globals';
import { Restarts } from '../../demo/restarts.ts';

test('counts what was restarted since the beginning, also in pods that came and went', () => {
  const restarts = new Restarts();
  restarts.see(new Map([['old/operator', 3]]));
  restarts.begin();
  expect(restarts.sum).toBe(0);
  restarts.see(
    new Map([
      ['old/operator', 4],
      ['new/server', 2],
    ]),
  );
  restarts.see(new Map([['old/operator', 4]]));
  expect(restarts.sum).toBe(3);
});
