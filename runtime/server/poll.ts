/** Looks at the folder now and then, where that decides what is served. */
import { sentenceOf, type Log } from '../../process/logger.ts';

/**
 * Follows the folder as long as `later` says so. A look is not waited for: it is over when the last answer of a model that has
 * left is, and what else has changed must not wait for that.
 */
export async function poll(
  rescan: () => Promise<void>,
  later: () => Promise<boolean>,
  log: Pick<Log, 'warn'>,
): Promise<void> {
  while (await later()) {
    void rescan().catch((error: unknown) => log.warn('the model folder cannot be read', { error: sentenceOf(error) }));
  }
}
