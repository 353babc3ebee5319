/** The rights that the requests of operators take, which an administrator has all, and those that the chart gives them. */
import { objects, render, rightsGiven } from '../charts/helm.ts';
import { rightsOf } from '../support/recording-proxy.ts';
import type { Asked } from './trace.ts';

/** Rights, each with the first request that takes it. */
export type Needed = Map<string, string>;

/** `status`: of the answer, since an apply that makes its object takes a right more; 0 where there is none yet. */
export function noteRights(needed: Needed, { method, url, body }: Asked, status: number): void {
  for (const right of rightsOf(method, url, status, body))
    if (!needed.has(right)) needed.set(right, `${method} ${url}`);
}

/** Those that the roles of an installation for all namespaces do not give the operator. */
export async function rightsMissing(needed: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const given = new Set(rightsGiven(objects(await render()), 'operator'));
  return [...needed].filter(([right]) => !given.has(right)).map(([right, request]) => `${right}: ${request}`);
}
