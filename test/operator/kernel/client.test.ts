import { expect, test } from '@jest/globals';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { Client } from '../../../operator/kernel/client.ts';
import { loopbackApi, sendJson, transportTo } from '../../support/loopback-api.ts';
import { members } from '../../support/toy.ts';

const never = new AbortController().signal;

test.each([null, [], undefined])('a list whose items are %s is empty, as Go writes it', async (items) => {
  const api = await loopbackApi((_, response) =>
    sendJson(response, 200, { items, metadata: { resourceVersion: '7' } }),
  );
  const transport = transportTo(api.url);
  const page = await new Client(transport).list(members, {}, never);
  expect(page).toEqual({ items: [], resourceVersion: '7', continueToken: undefined });
  await transport.close();
  await api.close();
});

test.each([
  ['UID in precondition: u, UID in object meta: v', 'gone'],
  ['ResourceVersion in precondition: 7, ResourceVersion in object meta: 8', 'conflict'],
])('one version is deleted, and no other: %s', async (why, expected) => {
  const api = await loopbackApi((_, response) => sendJson(response, 409, { message: `Precondition failed: ${why}` }));
  const transport = transportTo(api.url);
  const ref = { resource: members, key: { namespace: 'default', name: 'a' }, uid: 'u', resourceVersion: '7' };
  const removed = new Client(transport).remove(ref, never).then(
    () => 'gone',
    (error: unknown) => (error instanceof ApiError ? error.code : error),
  );
  expect(await removed).toBe(expected);
  const { preconditions } = JSON.parse(api.asked[0]?.body ?? '') as { readonly preconditions?: object };
  expect(preconditions).toEqual({ uid: 'u', resourceVersion: '7' });
  await transport.close();
  await api.close();
});
