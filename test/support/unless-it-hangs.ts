/** For work without a pause, which the time limit of a test cannot end. */
import { runInNewContext } from 'node:vm';

/** A hang, not a slow machine: all that is given to it is done in milliseconds, or in many minutes. */
const hangMs = 60_000;

/** What the work comes to; throws once it hangs. */
export function unlessItHangs<T>(work: () => T): T {
  return runInNewContext('work()', { work }, { timeout: hangMs }) as T;
}
