/** Which models make room for others. Pure. */
import { invalid, unavailable } from './protocol/errors.ts';
import { sum } from './sum.ts';

/** A model that takes memory. */
export interface Resident {
  readonly bytes: number;
  /** When it was last asked for, by the engine's clock. */
  readonly usedAt: number;
  /** Whether nobody uses it, so that it may leave. */
  readonly idle: boolean;
}

/**
 * Those who leave so that so many bytes are free: the least recently used of the idle, and none in vain. Undefined where all
 * of them together would not free that much.
 */
export function evicted<R extends Resident>(residents: readonly R[], bytes: number): readonly R[] | undefined {
  const oldestFirst = residents.filter(({ idle }) => idle).sort((a, b) => a.usedAt - b.usedAt);
  let leaving: R[] = [];
  let freed = 0;
  for (const resident of oldestFirst) {
    if (freed >= bytes) break;
    leaving.push(resident);
    freed += resident.bytes;
  }
  if (freed < bytes) return undefined;
  for (const resident of [...leaving].reverse()) {
    if (freed - resident.bytes < bytes) continue;
    leaving = leaving.filter((other) => other !== resident);
    freed -= resident.bytes;
  }
  return leaving;
}

/** Models that are to be served beside others. */
export interface Newcomers {
  readonly name: string;
  readonly bytes: number;
  /** What they lack of the process's memory. */
  readonly lackingBytes: number;
}

/**
 * Those who leave for newcomers under a budget of all models together, and under the limit of the process's memory. Refuses,
 * with the numbers, what would never fit (400), and what does not fit beside what is in use now (503).
 */
export function roomFor<R extends Resident>(
  { name, bytes, lackingBytes }: Newcomers,
  residents: readonly R[],
  budgetBytes: number,
): readonly R[] {
  if (bytes > budgetBytes)
    throw invalid(`model '${name}' needs ${bytes} bytes, and all models together may take ${budgetBytes}`);
  const overBytes = sum(residents.map((resident) => resident.bytes)) + bytes - budgetBytes;
  const leaving = evicted(residents, Math.max(overBytes, lackingBytes));
  if (leaving !== undefined) return leaving;
  const used = sum(residents.filter(({ idle }) => !idle).map((resident) => resident.bytes));
  if (lackingBytes > overBytes)
    throw unavailable(`model '${name}' lacks ${lackingBytes} bytes of the memory limit; models in use have ${used}`);
  throw unavailable(
    `model '${name}' needs ${bytes} bytes; of the ${budgetBytes} that all models together may take, models in use have ${used}`,
  );
}
