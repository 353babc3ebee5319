/** What every implementation of the Cluster port does; run against the fake and against a real API server. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApiError, type Cluster, type WatchEvent } from '../../operator/kernel/cluster.ts';
import { leases } from '../../operator/kernel/lease.ts';
import { microTime, type KubeObject, type Resource } from '../../operator/kernel/objects.ts';

export const configMaps: Resource<KubeObject & { readonly data?: Readonly<Record<string, string>> }> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const services: Resource<KubeObject & { readonly spec?: object; readonly status?: object }> = {
  apiVersion: 'v1',
  kind: 'Service',
  plural: 'services',
  namespaced: true,
};
const namespaces: Resource = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
const signal = new AbortController().signal;

const codeOf = async (attempt: Promise<unknown>): Promise<string> => {
  try {
    await attempt;
    return 'success';
  } catch (error) {
    return error instanceof ApiError ? error.code : String(error);
  }
};

export function clusterContract(connect: () => Promise<Cluster>, namespace: string): void {
  let cluster: Cluster;
  const configMap = (name: string, more: object = {}, labels: Record<string, string> = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels },
    ...more,
  });

  beforeAll(async () => {
    cluster = await connect();
    await cluster.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, signal);
  });

  afterAll(async () => {
    await cluster.remove({ resource: namespaces, key: { namespace: '', name: namespace } }, signal);
  });

  describe('objects', () => {
    test('what is not there is notFound', async () => {
      expect(await codeOf(cluster.get(configMaps, { namespace, name: 'nobody' }, signal))).toBe('notFound');
    });

    test('creates once, and refuses to create again', async () => {
      const created = await cluster.create(configMaps, configMap('once', { data: { a: '1' } }), signal);
      expect(created.metadata.uid).toBeTruthy();
      expect(await codeOf(cluster.create(configMaps, configMap('once'), signal))).toBe('conflict');
    });

    test('updates only the version that was read', async () => {
      const first = await cluster.create(configMaps, configMap('versions', { data: { a: '1' } }), signal);
      await cluster.update(configMaps, { ...first, data: { a: '2' } } as KubeObject, signal);
      expect(await codeOf(cluster.update(configMaps, { ...first, data: { a: '3' } } as KubeObject, signal))).toBe(
        'conflict',
      );
      expect((await cluster.get(configMaps, { namespace, name: 'versions' }, signal)).data).toEqual({ a: '2' });
    });

    test('accepts the six digits of a lease', async () => {
      const metadata = { name: 'six-digits', namespace };
      const spec = { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: microTime(new Date(0)) };
      const lease = { apiVersion: leases.apiVersion, kind: leases.kind, metadata, spec };
      expect(await codeOf(cluster.create(leases, lease, signal))).toBe('success');
    });
  });

  describe('server-side apply', () => {
    test('creates, and changes nothing when nothing is asked', async () => {
      const first = await cluster.apply(configMaps, configMap('applied', { data: { a: '1' } }), signal);
      const second = await cluster.apply(configMaps, configMap('applied', { data: { a: '1' } }), signal);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    test('takes back what is no longer asked for and leaves what others added', async () => {
      const first = await cluster.apply(configMaps, configMap('fields', { data: { ours: '1', gone: '1' } }), signal);
      await cluster.update(configMaps, { ...first, data: { ours: '1', gone: '1', theirs: '1' } } as KubeObject, signal);
      await cluster.apply(configMaps, configMap('fields', { data: { ours: '2' } }), signal);
      expect((await cluster.get(configMaps, { namespace, name: 'fields' }, signal)).data).toEqual({
        ours: '2',
        theirs: '1',
      });
    });

    test('refuses another UID, whether the object is there or not', async () => {
      const metadata = { name: 'uids', namespace, uid: '00000000-0000-0000-0000-000000000000' };
      const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
      expect(await codeOf(cluster.apply(configMaps, foreign, signal))).toBe('conflict');
      await cluster.apply(configMaps, configMap('uids'), signal);
      expect(await codeOf(cluster.apply(configMaps, foreign, signal))).toBe('conflict');
    });

    test('status and the rest do not take each other’s fields', async () => {
      const head = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'status', namespace } };
      const service = { ...head, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } };
      const condition = {
        type: 'Tested',
        status: 'True',
        reason: 'Test',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      await cluster.apply(services, service, signal);
      await cluster.applyStatus(services, { ...head, status: { conditions: [condition] } }, signal);
      const again = await cluster.apply(services, service, signal);
      expect(again).toMatchObject({ status: { conditions: [condition] }, spec: { clusterIP: 'None' } });
      const replaced = { ...condition, status: 'False' };
      const stored = await cluster.applyStatus(services, { ...head, status: { conditions: [replaced] } }, signal);
      expect(stored).toMatchObject({ status: { conditions: [replaced] }, spec: { clusterIP: 'None' } });
    });
  });

  describe('the status of one version', () => {
    test('is not written onto the next one, nor onto a successor of the same name', async () => {
      const head = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'succeeded', namespace } };
      const service = { ...head, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } };
      const { metadata } = await cluster.create(services, service, signal);
      const status = { ...head, metadata: { ...head.metadata, resourceVersion: metadata.resourceVersion! } };
      const key = { namespace, name: 'succeeded' };
      await cluster.remove({ resource: services, key }, signal);
      await cluster.create(services, service, signal);
      expect(await codeOf(cluster.applyStatus(services, { ...status, status: {} }, signal))).toBe('conflict');
    });
  });

  describe('removal', () => {
    test('spares a successor, removes the one meant, and is content when it is gone', async () => {
      const { metadata } = await cluster.create(configMaps, configMap('removed'), signal);
      const key = { namespace, name: 'removed' };
      await cluster.remove({ resource: configMaps, key, uid: '00000000-0000-0000-0000-000000000000' }, signal);
      expect(await codeOf(cluster.get(configMaps, key, signal))).toBe('success');
      const ref = { resource: configMaps, key, uid: metadata.uid! };
      await cluster.remove(ref, signal);
      expect(await codeOf(cluster.get(configMaps, key, signal))).toBe('notFound');
      await cluster.remove(ref, signal);
    });
  });

  describe('removal of one version', () => {
    test('spares the next one, and removes the one meant', async () => {
      const stored = await cluster.create(configMaps, configMap('judged', { data: { at: '1' } }), signal);
      const { uid, resourceVersion } = stored.metadata;
      const key = { namespace, name: 'judged' };
      const ref = { resource: configMaps, key, uid: uid!, resourceVersion: resourceVersion! };
      const next = await cluster.update(configMaps, { ...stored, data: { at: '2' } } as KubeObject, signal);
      expect(await codeOf(cluster.remove(ref, signal))).toBe('conflict');
      await cluster.remove({ ...ref, resourceVersion: next.metadata.resourceVersion! }, signal);
      expect(await codeOf(cluster.get(configMaps, key, signal))).toBe('notFound');
    });
  });

  describe('lists and watches', () => {
    test('pages through everything that is selected', async () => {
      const names = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5'];
      for (const name of names) await cluster.create(configMaps, configMap(name, {}, { paged: 'yes' }), signal);
      const seen: string[] = [];
      let continueToken: string | undefined;
      do {
        const more = continueToken === undefined ? {} : { continueToken };
        const page = await cluster.list(
          configMaps,
          { namespace, labelSelector: 'paged=yes', limit: 2, ...more },
          signal,
        );
        expect(page.items.length).toBeLessThanOrEqual(2);
        seen.push(...page.items.map((item) => item.metadata.name));
        expect(page.items.every(({ kind, apiVersion }) => kind === 'ConfigMap' && apiVersion === 'v1')).toBe(true);
        continueToken = page.continueToken;
      } while (continueToken !== undefined);
      expect(seen.sort()).toEqual(names);
    });

    test('a watch tells what happened since the version it was given, in order', async () => {
      const { resourceVersion } = await cluster.list(configMaps, { namespace, labelSelector: 'watched' }, signal);
      const labels = { watched: 'yes' };
      const created = await cluster.create(configMaps, configMap('watched', { data: { a: '1' } }, labels), signal);
      await cluster.apply(configMaps, configMap('watched', { data: { a: '2' } }, labels), signal);
      await cluster.remove({ resource: configMaps, key: { namespace, name: 'watched' } }, signal);
      const selection = { namespace, labelSelector: 'watched' };
      const seen: WatchEvent<KubeObject>[] = [];
      const options = { ...selection, resourceVersion, timeoutSeconds: 30 };
      for await (const event of cluster.watch(configMaps, options, AbortSignal.timeout(20_000))) {
        if (event.kind !== 'bookmark') seen.push(event);
        if (seen.length === 3) break;
      }
      expect(seen.map(({ kind }) => kind)).toEqual(['put', 'put', 'removed']);
      expect(seen[0]).toMatchObject({ added: true, object: { metadata: { uid: created.metadata.uid } } });
    });
  });
}
