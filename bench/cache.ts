/** Where benches keep what they build and run, by version. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export const cache =
  process.env.LIMBECK_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'limbeck');
export const buildFolder = join(cache, 'bench');
