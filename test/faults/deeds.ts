/** What became of the objects of a run by the hands of the operator, events apart: their names say what was said. */
import type { Exchange } from './trace.ts';

/** How often each object was created, deleted, and asked to be deleted when it was no longer there. */
export type Deeds = Readonly<Record<string, number>>;

type Asked = Pick<Exchange, 'method' | 'resource' | 'name' | 'status' | 'body' | 'answer'>;

export function deedsOf(exchanges: readonly Asked[]): Deeds {
  const counts: Record<string, number> = {};
  for (const exchange of exchanges) {
    const what = deedOf(exchange);
    if (what === undefined || exchange.resource === 'events') continue;
    const key = `${what} ${nameOf(exchange)}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}

/** The name of an attempt tells the UIDs of two roots apart. */
const nameOf = ({ resource, name }: Asked): string => `${resource}/${name.replace(/-[0-9a-f]{5}-a(?=\d)/, '-a')}`;

/** Removals in vain of whoever was told that one had failed, though it was carried out: each may be asked for once more. */
export function excusedBy(misanswered: readonly Asked[]): Deeds {
  const removals = misanswered.filter((asked) => deedOf(asked)?.startsWith('delete') === true);
  const alike = Map.groupBy(removals, nameOf);
  return Object.fromEntries([...alike].map(([name, { length }]) => [`delete in vain ${name}`, length]));
}

/** The name is that of another by now, which stays. A conflict about a version is none of this: it is tried again. */
const isOfAnother = ({ status, answer }: Asked): boolean => status === 409 && answer.includes('UID in precondition');

function deedOf(asked: Asked): 'create' | 'delete' | 'delete in vain' | undefined {
  const { method, status } = asked;
  if (status === 201) return 'create';
  if (method !== 'DELETE') return undefined;
  if (status === 404 || isOfAnother(asked)) return 'delete in vain';
  return status >= 200 && status < 300 ? 'delete' : undefined;
}

/** What was made for one root. */
export interface Lot {
  readonly deeds: Deeds;
  readonly podsEver: number;
}

/** Of each root by its UID, the oldest first. `roots`: that of every pod there ever was. */
export function lotsOf(exchanges: readonly Asked[], roots: readonly string[]): Readonly<Record<string, Lot>> {
  const lots = [...deedsByRoot(exchanges)].map(([root, deeds]): [string, Lot] => {
    return [root, { deeds, podsEver: roots.filter((one) => one === root).length }];
  });
  return Object.fromEntries(lots);
}

/** The same for each root, by its UID in the order in which they first had a child: names come again. */
function deedsByRoot(exchanges: readonly Asked[]): ReadonlyMap<string, Deeds> {
  const rootOf = new Map<string, string>();
  const parts = new Map<string, Asked[]>();
  for (const exchange of exchanges) {
    const name = `${exchange.resource}/${exchange.name}`;
    const root = exchange.status === 201 ? ownerIn(exchange.body) : rootOf.get(name);
    if (root === undefined) continue;
    rootOf.set(name, root);
    parts.set(root, [...(parts.get(root) ?? []), exchange]);
  }
  return new Map([...parts].map(([root, part]) => [root, deedsOf(part)]));
}

interface Owned {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly uid: string }[] };
}

const ownerIn = (body: string): string | undefined => (JSON.parse(body) as Owned).metadata?.ownerReferences?.[0]?.uid;
