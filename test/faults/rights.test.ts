/** That a right that is missing would be found, whatever a plan does with the request that takes it. Needs no API server. */
import { afterEach, expect, test } from '@jest/globals';
import { request } from 'undici';
import { ownerReferenceTo } from '../../operator/kernel/objects.ts';
import { loopbackApi } from '../support/loopback-api.ts';
import { teacherJob } from '../support/runs.ts';
import { fixed } from './instance.ts';
import { Interference } from './interference.ts';
import type { Fault } from './plan.ts';
import { FaultProxy, upstreamOf } from './proxy.ts';
import { rightsMissing, type Needed } from './rights.ts';
import { Trace } from './trace.ts';
import { until } from './until.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Proxied {
  readonly needed: Needed;
  readonly ask: (method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: object) => Promise<void>;
}

/** Before an API server on which every apply, but that of a status, makes its object, and that says nothing of pods. */
async function proxied(...faults: readonly Fault[]): Promise<Proxied> {
  const api = await loopbackApi(({ method, path }, response) => {
    if (path.includes('/pods')) return;
    const isMade = method === 'PATCH' && !path.endsWith('/status');
    response.writeHead(isMade ? 201 : 200, { 'content-type': 'application/json' }).end('{}');
  });
  cleanups.push(() => api.close());
  const access = await fixed({ server: api.url, headers: {}, tls: {}, fingerprint: api.url }).current();
  const upstream = upstreamOf(access);
  cleanups.push(() => upstream.destroy());
  const [trace, needed] = [new Trace(), new Map<string, string>()];
  const proxy = await FaultProxy.start({
    ...{ access, upstream, trace, needed, interference: new Interference({ scenario: 'toy', faults }, trace) },
    ...{ instance: 1, crashed: () => undefined, befell: () => Promise.resolve() },
  });
  cleanups.push(() => proxy.cut());
  const ask: Proxied['ask'] = async (method, path, body) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    // One that is let die hears nothing.
    await request(`${proxy.url}${path}`, { method, ...sent }).then(
      (reply) => reply.body.dump(),
      () => undefined,
    );
  };
  return { needed, ask };
}

const namespaced = '/namespaces/default';
const child = { metadata: { name: 'toy', ownerReferences: [ownerReferenceTo(teacherJob())] } };

test('what is asked takes its rights, and an apply that makes an object, or a child of ours, one more', async () => {
  const { needed, ask } = await proxied();
  await ask('GET', `/apis/batch/v1${namespaced}/jobs?watch=true`);
  await ask('GET', `/apis/batch/v1${namespaced}/jobs`);
  await ask('GET', `/apis/batch/v1${namespaced}/jobs/toy`);
  await ask('PATCH', `/apis/apps/v1${namespaced}/deployments/toy?fieldManager=limbeck`, child);
  await ask('PATCH', `/apis/limbeck.dev/v1alpha1${namespaced}/modelservices/toy/status`, {});
  expect([...needed.keys()]).toEqual([
    ...['batch/jobs watch', 'batch/jobs list', 'batch/jobs get', 'apps/deployments patch'],
    ...['limbeck.dev/trainingjobs/finalizers update', 'apps/deployments create'],
    'limbeck.dev/modelservices/status patch',
  ]);
});

test('what is not answered yet counts already', async () => {
  const { needed, ask } = await proxied();
  void ask('GET', `/api/v1${namespaced}/pods?watch=true`);
  await until('it has come', () => Promise.resolve(needed.has('/pods watch')));
});

test.each<readonly [string, Fault]>([
  ['is not sent', { kind: 'crash', write: 1, moment: 'before' }],
  ['is answered by another', { kind: 'answer', status: 500, from: 1, every: 1, times: 1, committed: false }],
  ['is lost on its way back', { kind: 'crash', write: 1, moment: 'committed' }],
])('a right is missed, and told with the request, also where this %s', async (_, fault) => {
  const { needed, ask } = await proxied(fault);
  const path = `/apis/batch/v1${namespaced}/jobs/toy`;
  await ask('PUT', path, child);
  expect(await rightsMissing(needed)).toEqual([`batch/jobs update: PUT ${path}`]);
});

test('what the operator is given is not missed: its kinds, its children, its lease, and nodes', async () => {
  const { needed, ask } = await proxied();
  await ask('GET', '/api/v1/nodes?watch=true&sendInitialEvents=true');
  await ask('DELETE', `/apis/limbeck.dev/v1alpha1${namespaced}/trainingjobs/toy`);
  await ask('POST', `/apis/batch/v1${namespaced}/jobs`, child);
  await ask('POST', `/api/v1${namespaced}/events`, {});
  await ask('PUT', `/apis/coordination.k8s.io/v1${namespaced}/leases/toy`, {});
  expect(needed.size).toBe(6);
  expect(await rightsMissing(needed)).toEqual([]);
});
