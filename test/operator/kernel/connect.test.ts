import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { connect, type Connection } from '../../../operator/kernel/connect.ts';
import { leases } from '../../../operator/kernel/lease.ts';
import { systemClock } from '../../../process/clock.ts';
import { loopbackApi, sendJson, type LoopbackApi, type Script } from '../../support/loopback-api.ts';
import { freshRegistry } from '../../support/toy.ts';

const never = new AbortController().signal;
const before = process.env['KUBECONFIG'];
let api: LoopbackApi;
let connection: Connection;

afterEach(async () => {
  if (before === undefined) Reflect.deleteProperty(process.env, 'KUBECONFIG');
  else process.env['KUBECONFIG'] = before;
  await connection.close();
  await api.close();
});

/** An API server, and the way to it. */
async function facing(script: Script, renewDeadlineSeconds: number): Promise<void> {
  api = await loopbackApi(script);
  const config = join(mkdtempSync(join(tmpdir(), 'connect-')), 'config');
  const text = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  writeFileSync(config, JSON.stringify(text));
  process.env['KUBECONFIG'] = config;
  const who = { component: 'test', version: '0', registry: freshRegistry(), clock: systemClock };
  connection = await connect({ ...who, renewDeadlineSeconds });
}

test('answers tell the time of the API server, unless they come from something before it', async () => {
  let [aheadMs, status] = [3_600_000, 200];
  await facing((_, response) => {
    const date = new Date(Date.now() + aheadMs).toUTCString();
    sendJson(response, status, { metadata: {} }, { date });
  }, 1);
  const ask = async (): Promise<number> => {
    await connection.cluster.get(leases, { namespace: 'limbeck', name: 'operator' }, never).catch(() => undefined);
    return Math.round((connection.serverClock.now().getTime() - Date.now()) / 60_000);
  };
  expect(await ask()).toBe(60);
  [aheadMs, status] = [0, 503];
  expect(await ask()).toBe(60);
  status = 404;
  expect(await ask()).toBe(0);
});

test('a request about the lease ends by half the time in which it is to be renewed, others do not', async () => {
  await facing(() => undefined, 1);
  const key = { namespace: 'limbeck', name: 'operator' };
  const of = (cluster: Connection['cluster']): Promise<string> =>
    cluster.get(leases, key, never).then(
      () => 'answered',
      (error: unknown) => String(error),
    );
  const other = of(connection.cluster);
  expect(await Promise.race([other, of(connection.leaseCluster)])).toContain('took too long');
  expect(await Promise.race([other, Promise.resolve('still waited for')])).toBe('still waited for');
});
