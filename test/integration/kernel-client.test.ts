import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { systemClock } from '../../process/clock.ts';
import { createRegistry } from '../../process/metrics.ts';
import { connect, type Connection } from '../../operator/kernel/connect.ts';
import { clusterContract } from '../support/cluster-contract.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';

let connection: Connection;

const open = async (): Promise<Connection> => {
  process.env['KUBECONFIG'] = testKubeconfig();
  connection = await connect({
    component: 'contract',
    version: '0.0.0',
    registry: createRegistry('contract'),
    clock: systemClock,
  });
  return connection;
};

afterAll(() => connection.close());

test('what is served is told by group and version', async () => {
  const served = await (await open()).cluster.apiVersions?.(new AbortController().signal);
  expect([...(served ?? [])]).toEqual(expect.arrayContaining(['batch/v1', 'apps/v1']));
  await connection.close();
});

clusterContract(async () => (await open()).cluster, `contract-${randomUUID().slice(0, 8)}`);
