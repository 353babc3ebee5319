import type { Log } from '../../process/logger.ts';

/** Says nothing: tests provoke errors on purpose. */
export const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};
