/** Containers that ended by themselves and were started again: none of ours may. Whoever kills one does no harm. */
import type { ContainerStatus, Kubectl, Pod } from './kubectl.ts';

/** The newest look at a container. */
export interface Seen {
  readonly count: number;
  /** Its last end was SIGKILL, and not for want of memory: somebody else's deed. */
  readonly killed: boolean;
}

/** Pod and container → what was seen. */
export type RestartCounts = ReadonlyMap<string, Seen>;

const sigkill = 128 + 9;

function seenOf({ restartCount, lastState }: ContainerStatus): Seen {
  const { exitCode, reason } = lastState?.terminated ?? {};
  return { count: restartCount, killed: exitCode === sigkill && reason !== 'OOMKilled' };
}

/** The counts of all pods of a namespace that the selector picks. */
export async function restartCounts(kubectl: Kubectl, selector: string): Promise<RestartCounts> {
  const pods = await kubectl.list<Pod>('pods', selector);
  return new Map(
    pods.flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(
        (container) => [`${metadata.uid ?? metadata.name}/${container.name}`, seenOf(container)] as const,
      ),
    ),
  );
}

/**
 * The restarts since `begin` that nobody asked for. What was seen once counts on when its pod is gone. Where nobody kills, SIGKILL is
 * the end of what hung: its probe has asked for that.
 */
export class Restarts {
  readonly #newest = new Map<string, number>();
  readonly #forgivesKills: boolean;
  #sum = 0;

  constructor(kills: 'somebody kills' | 'nobody kills') {
    this.#forgivesKills = kills === 'somebody kills';
  }

  /** What was restarted until now does not count. */
  begin(): void {
    this.#sum = 0;
  }

  see(counts: RestartCounts): void {
    for (const [container, { count, killed }] of counts) {
      if (!(killed && this.#forgivesKills)) this.#sum += count - (this.#newest.get(container) ?? 0);
      this.#newest.set(container, count);
    }
  }

  get sum(): number {
    return this.#sum;
  }
}
