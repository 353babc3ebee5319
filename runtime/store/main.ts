/**
 * The store's process: an S3 server of others, versitygw, as its child, whose words become our log, whose access log becomes
 * metrics, and with which it ends.
 */
import { adminApp, serve } from '../../process/http-server.ts';
import type { Log } from '../../process/logger.ts';
import { runMain } from '../../process/main.ts';
import { createRegistry } from '../../process/metrics.ts';
import { onShutdown } from '../../process/shutdown.ts';
import { answeredIn } from './access-log.ts';
import { readConfig, type Config } from './config.ts';
import { askHealth } from './health.ts';
import { storeMetrics } from './metrics.ts';
import { startProgram, type Ended } from './program.ts';
import { voice, type Stream, type Voice } from './voice.ts';

/** Less than a probe waits. */
const healthWithinMs = 3_000;
/** Between the end of the grace period and the end of the process, at most. */
const lastMs = 2_000;

/** What comes on standard output from here on is the access log. */
const accessLogBegins = /^log starts /;

/** Records are counted, all else is said. */
function listener(speaker: Voice, count: ReturnType<typeof storeMetrics>) {
  let begun = false;
  return (stream: Stream, line: string): void => {
    const answered = stream === 'stdout' ? answeredIn(line) : undefined;
    if (answered !== undefined) count(answered);
    // A key with line breaks parts its record: pieces say nothing of the server.
    else speaker.say(stream, line, begun && stream === 'stdout' ? 'debug' : undefined);
    begun ||= stream === 'stdout' && accessLogBegins.test(line);
  };
}

/** Says how it went, last of all: what a pod tells of a container that failed are its last lines. */
function tell(log: Log, { exitCode, signal }: Ended, wasAsked: boolean, complaint: string | undefined): void {
  if (wasAsked && exitCode === 0) log.info('the S3 server has ended', { exitCode });
  else log.error('the S3 server has ended', { exitCode, signal, error: complaint });
}

async function run(config: Config, log: Log): Promise<number> {
  const stop = onShutdown(log, config.graceMs + lastMs);
  const registry = createRegistry('store');
  const speaker = voice(log, config.secrets);
  const notWell = () => askHealth(config.healthUrl, healthWithinMs);
  const count = storeMetrics(registry, { volume: config.volume, notWell });
  const admin = adminApp({ registry, notReady: notWell, notAlive: notWell });
  const adminPort = await serve(admin, config.adminPort, new AbortController().signal);
  const program = startProgram(config, listener(speaker, count));
  log.info('listening', { adminPort });
  const end = (): void => program.stop(config.graceMs);
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  const ended = await program.ended;
  tell(log, ended, stop.aborted, speaker.complaint);
  return ended.exitCode;
}

await runMain('store', readConfig(), run);
