import { expect, test } from '@jest/globals';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { saying } from '../../../operator/kernel/said.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { crew, crews, rememberingLog } from '../../support/toy.ts';

const never = new AbortController().signal;
const key = { namespace: 'default', name: 'alpha' };
const object = { ...crew('alpha', []), status: {} };

test.each(['apply', 'applyStatus', 'create', 'remove'] as const)('%s is carried out and said', async (verb) => {
  const [cluster, log] = [new FakeCluster(), rememberingLog()];
  if (verb !== 'create') cluster.put(crews, crew('alpha', []));
  const said = saying(cluster, log);
  await (verb === 'remove' ? said.remove({ resource: crews, key }, never) : said[verb](crews, object, never));
  expect(cluster.writes).toHaveLength(1);
  expect(log.lines).toEqual([`written {"verb":"${verb}","kind":"Crew","name":"default/alpha"}`]);
});

test('a write that is refused is said with its reason, and refused all the same', async () => {
  const [cluster, log] = [new FakeCluster(), rememberingLog()];
  cluster.beforeWrite = () => {
    throw new ApiError('forbidden', 'exceeded quota');
  };
  await expect(saying(cluster, log).apply(crews, object, never)).rejects.toThrow('exceeded quota');
  expect(log.lines).toEqual([
    'not written {"verb":"apply","kind":"Crew","name":"default/alpha","error":"exceeded quota"}',
  ]);
});

test('reads are carried out and not said', async () => {
  const [cluster, log] = [new FakeCluster(), rememberingLog()];
  cluster.put(crews, crew('alpha', []));
  const said = saying(cluster, log);
  expect((await said.get(crews, key, never)).metadata.name).toBe('alpha');
  expect((await said.list(crews, {}, never)).items).toHaveLength(1);
  expect(log.lines).toEqual([]);
});
