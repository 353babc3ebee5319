import { expect, test } from '@jest/globals';
import { Client } from '../../../operator/kernel/client.ts';
import { loopbackApi, sendJson, transportTo } from '../../support/loopback-api.ts';
import { members } from '../../support/toy.ts';

test.each([null, [], undefined])('a list whose items are %s is empty, as Go writes it', async (items) => {
  const api = await loopbackApi((_, response) =>
    sendJson(response, 200, { items, metadata: { resourceVersion: '7' } }),
  );
  const transport = transportTo(api.url);
  const page = await new Client(transport).list(members, {}, new AbortController().signal);
  expect(page).toEqual({ items: [], resourceVersion: '7', continueToken: undefined });
  await transport.close();
  await api.close();
});
