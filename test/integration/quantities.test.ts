/** What we take for the canonical form of a quantity is what the API server makes of it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resourcesOf } from '../../operator/workloads/pod-parts.ts';
import { leftAlone, quantityPairs } from '../support/quantities.ts';
import { createNamespace, openRawApi, removeNamespace, type Json } from '../support/raw-api.ts';

const namespace = `quantities-${randomUUID().slice(0, 8)}`;
const api = openRawApi();

beforeAll(async () => {
  await createNamespace(api, namespace);
});

afterAll(async () => {
  await removeNamespace(api, namespace);
  await api.close();
});

interface Container {
  readonly resources: Json;
}

/** What is stored of containers with these resources. */
async function stored(resources: readonly object[]): Promise<readonly Json[]> {
  const containers = resources.map((own, index) => ({ name: `c${String(index)}`, image: 'none', resources: own }));
  const [metadata, spec] = [{ name: 'quantities' }, { containers }];
  const body = { apiVersion: 'v1', kind: 'PodTemplate', metadata, template: { spec } };
  const path = `/api/v1/namespaces/${namespace}/podtemplates`;
  const answer = await api.call(path, { method: 'POST', query: { dryRun: 'All' }, body });
  expect(answer).toMatchObject({ status: 201 });
  const { template } = answer.body as unknown as { template: { spec: { containers: readonly Container[] } } };
  return template.spec.containers.map((container) => container.resources);
}

const requestsOf = (memory: string | number): object => ({ requests: { memory } });

test('the API server stores each as the table says', async () => {
  const declared = quantityPairs.map(([quantity]) => requestsOf(quantity));
  expect(await stored(declared)).toEqual(quantityPairs.map(([, quantity]) => requestsOf(quantity)));
});

test('what we render comes back as it was sent', async () => {
  const rendered = [...quantityPairs, ...leftAlone].map(([memory]) =>
    resourcesOf({ resourceName: 'example.com/device', count: 1000 }, { requests: { cpu: 0.5, memory } }),
  );
  expect(await stored(rendered)).toEqual(rendered);
});
