/** Signals become one AbortSignal. The second signal, or the end of the grace period, ends the process at once. */
import type { Log } from './logger.ts';

/** Aborts on SIGTERM or SIGINT. `graceMs`: how long a graceful stop may take before the process exits with 1. */
export function onShutdown(log: Log, graceMs: number): AbortSignal {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    log.info('stopping', { signal: name, graceMs });
    controller.abort(new Error(`stopped by ${name}`));
    setTimeout(() => process.exit(1), graceMs).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}

/**
 * What nobody catches or awaits is a bug whose state is unknown: say it and die, so that a supervisor starts afresh. The
 * last line is then one of ours, with the cause, and not Node's, which is its version.
 */
export function exitOnUnhandled(log: Log): void {
  const end = (sentence: string) => (thrown: unknown) => {
    log.error(sentence, { error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
    process.exit(1);
  };
  process.on('unhandledRejection', end('unhandled rejection'));
  process.on('uncaughtException', end('uncaught exception'));
}
