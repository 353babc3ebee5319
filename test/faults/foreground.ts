/** A deletion as `kubectl delete --cascade=foreground` asks for it, which the operator itself never does. */
import { request } from 'undici';
import type { ObjectRef } from '../../operator/kernel/cluster.ts';
import type { Laboratory } from './laboratory.ts';

/** The object is there, and leaves, until the garbage collector has taken what it owns. */
export async function removeInForeground(
  { access, upstream }: Pick<Laboratory, 'access' | 'upstream'>,
  { resource, key }: ObjectRef,
): Promise<void> {
  const path = `/apis/${resource.apiVersion}/namespaces/${key.namespace}/${resource.plural}/${key.name}`;
  const { statusCode, body } = await request(new URL(path, access.server), {
    ...{ dispatcher: upstream, method: 'DELETE' },
    headers: { ...access.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' }),
  });
  const said = await body.text();
  if (statusCode !== 200 && statusCode !== 404) throw new Error(`${String(statusCode)}: ${said}`);
}
