import { expect, test } from '@jest/globals';
import { Rest } from '../../../runtime/server/rest.ts';

test('all who wait hear of it once there is nothing more to do, and who comes then does not wait', async () => {
  let work = 1;
  const heard: string[] = [];
  const rest = new Rest(() => work === 0);
  const waiting = ['a', 'b'].map((who) => rest.wait().then(() => heard.push(who)));
  rest.tell();
  await new Promise(setImmediate);
  expect(heard).toEqual([]);
  work = 0;
  rest.tell();
  await Promise.all(waiting);
  expect(heard).toEqual(['a', 'b']);
  await rest.wait();
});
