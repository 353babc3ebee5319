/**
 * Who led when, from the trace alone. Every write to etcd has a revision, and the versions of objects of all kinds are
 * taken from it: so the order of two writes, and who held the lease at each, is known and not guessed from clocks.
 */
import type { Exchange, Trace } from '../trace.ts';

export interface Reign {
  readonly instance: number;
  /** Its lease was first written at this version. */
  readonly since: bigint;
  /** At this one the lease was given back, or was another's; undefined: it goes on. */
  readonly until: bigint | undefined;
  /** By the clock of the one who leads, as it stands in the lease. */
  readonly acquiredAt: Date;
}

interface LeaseWrite {
  readonly instance: number;
  readonly version: bigint;
  readonly holder: string;
  readonly acquiredAt: Date;
}

const isCarriedOut = ({ write, status }: Exchange): boolean => write > 0 && status >= 200 && status < 300;
const isLease = ({ resource }: Exchange): boolean => resource === 'leases';

function leaseWriteOf({ instance, version, body }: Exchange): LeaseWrite {
  const { spec } = JSON.parse(body) as { readonly spec?: { holderIdentity?: string; acquireTime?: string } };
  return {
    ...{ instance, version: BigInt(version), holder: spec?.holderIdentity ?? '' },
    acquiredAt: new Date(spec?.acquireTime ?? 0),
  };
}

const leaseWritesOf = ({ exchanges }: Trace): readonly LeaseWrite[] =>
  exchanges
    .filter((exchange) => isLease(exchange) && isCarriedOut(exchange))
    .map(leaseWriteOf)
    .sort((one, other) => (one.version < other.version ? -1 : 1));

/** Whose lease it was, one after the other; between a lease that was given back and the next one nobody reigns. */
export function reignsOf(trace: Trace): readonly Reign[] {
  const reigns: Reign[] = [];
  for (const { instance, version, holder, acquiredAt } of leaseWritesOf(trace)) {
    const current = reigns.at(-1);
    const isOver = current?.until !== undefined;
    if (holder !== '' && !isOver && current?.instance === instance) continue;
    if (current !== undefined && !isOver) reigns[reigns.length - 1] = { ...current, until: version };
    if (holder !== '') reigns.push({ instance, since: version, until: undefined, acquiredAt });
  }
  return reigns;
}

/** When this process renewed the lease last, by the clock of the trace. */
export const lastRenewalMs = ({ exchanges }: Trace, instance: number): number =>
  exchanges.findLast((one) => one.instance === instance && isLease(one) && isCarriedOut(one))?.atMs ?? 0;

/** Did this process give the lease back? */
export const released = (trace: Trace, instance: number): boolean =>
  leaseWritesOf(trace).some((write) => write.instance === instance && write.holder === '');

/** Writes of a process that was not the holder when they were stored; writes that changed nothing are none. */
export function usurpations(trace: Trace): readonly string[] {
  const reigns = reignsOf(trace);
  const known = new Set<string>();
  const found: string[] = [];
  for (const exchange of trace.exchanges.filter((one) => isCarriedOut(one) && !isLease(one))) {
    const { instance, method, resource, name } = exchange;
    const version = placeOf(exchange, trace);
    const identity = `${resource.split('/')[0] ?? ''}/${name} ${String(version)}`;
    if (known.has(identity)) continue;
    known.add(identity);
    const holder = reigns.find(({ since, until }) => since < version && (until === undefined || version < until));
    if (holder?.instance !== instance)
      found.push(`${method} ${resource}/${name} of ${String(instance)} in the reign of ${whoIs(holder)}`);
  }
  return found;
}

const whoIs = (holder: Reign | undefined): string => (holder === undefined ? 'nobody' : String(holder.instance));

/**
 * Where a write stands in the order of all. A deletion that is answered by a mere Status has its place from the watch
 * that told of it; where none did, it comes right after the last write of the lease that arrived before it.
 */
function placeOf(exchange: Exchange, trace: Trace): bigint {
  const version = exchange.version || trace.removalBy(exchange);
  if (version !== undefined) return BigInt(version);
  const earlier = trace.exchanges.slice(0, trace.exchanges.indexOf(exchange));
  const lease = earlier.filter((one) => isLease(one) && isCarriedOut(one)).at(-1);
  return lease === undefined ? 0n : BigInt(lease.version) + 1n;
}
