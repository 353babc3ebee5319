/** How every process of ours begins and ends: configuration read or refused, run, one exit code. */
import { createLogger, sentenceOf, type Log, type LogLevel } from './logger.ts';
import { exitOnUnhandled } from './shutdown.ts';

/** A configuration, or everything that is wrong with it. */
export type Read<Config> =
  { readonly ok: true; readonly value: Config } | { readonly ok: false; readonly violations: readonly string[] };

/** sysexits.h EX_CONFIG: starting again will not help. */
const configurationIsWrong = 78;

/**
 * Runs a process to its end: exit code 0 after a graceful stop, or the one that `run` gives; 1 when it throws, 78 when the
 * configuration is wrong.
 * It exits even if something is still open, since what was begun must not be finished after that.
 */
export async function runMain<Config extends { readonly logLevel: LogLevel }>(
  component: string,
  read: Read<Config>,
  run: (config: Config, log: Log) => Promise<number | void>,
): Promise<never> {
  const log = createLogger(component, read.ok ? read.value.logLevel : 'info');
  exitOnUnhandled(log);
  if (!read.ok) {
    log.error('the configuration is wrong', { violations: read.violations });
    return process.exit(configurationIsWrong);
  }
  try {
    const exitCode = await run(read.value, log);
    return process.exit(typeof exitCode === 'number' ? exitCode : 0);
  } catch (error) {
    log.error(`the ${component} cannot run`, { error: sentenceOf(error) });
    return process.exit(1);
  }
}
