/** Containers that ended and were started again: none of ours may. */
import type { Kubectl, Pod } from './kubectl.ts';

/** Pod and container → restarts. */
export type RestartCounts = ReadonlyMap<string, number>;

/** The counts of all pods of a namespace that the selector picks. */
export async function restartCounts(kubectl: Kubectl, selector: string): Promise<RestartCounts> {
  const pods = await kubectl.list<Pod>('pods', selector);
  return new Map(
    pods.flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(
        ({ name, restartCount }) => [`${metadata.uid ?? metadata.name}/${name}`, restartCount] as const,
      ),
    ),
  );
}

/** The restarts between `begin` and the newest look. What was seen once counts on when its pod is gone. */
export class Restarts {
  readonly #newest = new Map<string, number>();
  #before: RestartCounts = new Map();

  /** What was restarted until now does not count. */
  begin(): void {
    this.#before = new Map(this.#newest);
  }

  see(counts: RestartCounts): void {
    for (const [container, count] of counts) this.#newest.set(container, count);
  }

  get sum(): number {
    let sum = 0;
    for (const [container, count] of this.#newest) sum += count - (this.#before.get(container) ?? 0);
    return sum;
  }
}
