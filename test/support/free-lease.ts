/** A lease that an operator has given back: the next one need not wait until nobody can hold it any more. */
import { leases, released, type Lease } from '../../operator/kernel/lease.ts';
import type { Key } from '../../operator/kernel/objects.ts';

export const freeLease = ({ namespace, name }: Key): Lease => ({
  ...{ apiVersion: leases.apiVersion, kind: leases.kind, metadata: { namespace, name } },
  spec: released({}, new Date(0)),
});
