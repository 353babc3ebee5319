/** Every change of the pods of a namespace, as the API server tells it, to see who lived beside whom. */
import { watchChanges } from '../../demo/watch.ts';

export interface PodRecord {
  /** Attempts of one job of which pods were alive in the same moment. */
  readonly overlaps: readonly string[];
  /** Changes that were seen. */
  readonly changes: number;
  stop(): void;
}

const columns = [
  '.metadata.name',
  ".metadata.labels['limbeck\\.dev/training-job']",
  ".metadata.labels['limbeck\\.dev/attempt']",
  '.status.phase',
];

/** Watches until it is stopped. A pod lives from its creation until its containers have ended or it is gone. */
export function recordPods(namespace: string): PodRecord {
  const alive = new Map<string, { readonly job: string; readonly attempt: string }>();
  const overlaps: string[] = [];
  const hear = (type: string, [name = '', job = '', attempt = '', phase = '']: readonly string[]): void => {
    record.changes += 1;
    if (type === 'DELETED' || phase === 'Succeeded' || phase === 'Failed') alive.delete(name);
    else alive.set(name, { job, attempt });
    const others = [...alive.values()].filter((one) => one.job === job && one.attempt !== attempt);
    if (alive.has(name) && others.length > 0) overlaps.push(`${job}: ${attempt} beside ${others[0]?.attempt ?? ''}`);
  };
  const stop = watchChanges({ namespace, kind: 'pods', selector: 'limbeck.dev/training-job', columns }, hear);
  const record = { overlaps, changes: 0, stop };
  return record;
}
