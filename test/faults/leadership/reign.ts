/**
 * Who led when, from the trace alone. Every write to etcd has a revision, and the versions of objects of all kinds are
 * taken from it: so the order of two writes, and who held the lease at each, is known and not guessed from clocks.
 */
import type { Exchange, Trace } from '../trace.ts';

export interface Reign {
  readonly instance: number;
  /** Its lease was first written at this version. */
  readonly since: bigint;
  readonly sinceMs: number;
}

const isStored = ({ write, status, version }: Exchange): boolean =>
  write > 0 && status >= 200 && status < 300 && version !== '';
const isLease = ({ resource }: Exchange): boolean => resource === 'leases';

const holderIn = ({ body }: Exchange): string =>
  (JSON.parse(body) as { spec?: { holderIdentity?: string } }).spec?.holderIdentity ?? '';

const byVersion = (one: Exchange, other: Exchange): number => (BigInt(one.version) < BigInt(other.version) ? -1 : 1);

/** Whose lease it was, one after the other; a lease that was given back ends a reign and begins none. */
export function reignsOf({ exchanges }: Trace): readonly Reign[] {
  const reigns: Reign[] = [];
  const written = exchanges.filter((exchange) => isLease(exchange) && isStored(exchange)).sort(byVersion);
  for (const exchange of written) {
    const { instance, version, atMs } = exchange;
    if (holderIn(exchange) === '' || reigns.at(-1)?.instance === instance) continue;
    reigns.push({ instance, since: BigInt(version), sinceMs: atMs });
  }
  return reigns;
}

/** Did this process give the lease back? */
export const released = ({ exchanges }: Trace, instance: number): boolean =>
  exchanges.some(
    (exchange) =>
      exchange.instance === instance && isLease(exchange) && isStored(exchange) && holderIn(exchange) === '',
  );

/** Writes of a process that was not the holder when they were stored; writes that changed nothing are none. */
export function usurpations(trace: Trace): readonly string[] {
  const reigns = reignsOf(trace);
  const known = new Set<string>();
  const found: string[] = [];
  for (const exchange of trace.exchanges.filter((one) => isStored(one) && !isLease(one))) {
    const { instance, version, method, resource, name } = exchange;
    const identity = `${resource.split('/')[0] ?? ''}/${name} ${version}`;
    if (known.has(identity)) continue;
    known.add(identity);
    const holder = reigns.findLast(({ since }) => since < BigInt(version))?.instance;
    if (holder !== instance)
      found.push(`${method} ${resource}/${name} of ${String(instance)} in the reign of ${String(holder)}`);
  }
  return found;
}
