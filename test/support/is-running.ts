import { readFileSync } from 'node:fs';

/** Not of one that has ended: who takes in orphans may let it lie for seconds. */
export function isRunning(pid: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
