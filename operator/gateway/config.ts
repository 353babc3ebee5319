/** Environment → Config of the gateway; every mistake is reported at once. */
import { hostname } from 'node:os';
import { logLevels, type LogLevel } from '../../process/logger.ts';

export interface Config {
  readonly port: number;
  readonly adminPort: number;
  /** Services answer to `<name>.<namespace>.<domain>` as well. */
  readonly domain: string | undefined;
  readonly maxBodyBytes: number;
  /** Held of all requests together, bytes. */
  readonly bodyMemoryBytes: number;
  /** How long connections are still accepted after the signal to stop. */
  readonly lameDuckSeconds: number;
  /** How long requests may then take to finish. */
  readonly drainSeconds: number;
  /** Longest silence of a replica. */
  readonly answerSeconds: number;
  /** Share of requests in the access log, 0 to 1. */
  readonly accessLogSample: number;
  readonly logLevel: LogLevel;
  readonly podName: string;
  /** The one namespace whose services are routed; undefined for all. */
  readonly watchNamespace: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type Parsed =
  { readonly ok: true; readonly value: Config } | { readonly ok: false; readonly violations: readonly string[] };

interface Bounds {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
}

const mebibyte = 1024 * 1024;

/** Reads the gateway's settings. */
export function parseConfig(environment: Environment): Parsed {
  const violations: string[] = [];
  const given = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  const number = (name: string, { fallback, least, most }: Bounds): number => {
    const text = given(name);
    const value = text === undefined ? fallback : Number(text);
    const whole = most <= 1 || Number.isInteger(value);
    if (!(value >= least && value <= most) || !whole)
      violations.push(`${name} must be a number from ${least} to ${most}, not ${JSON.stringify(text)}`);
    return value;
  };
  const logLevel = logLevels.find((level) => level === (given('LIMBECK_LOG_LEVEL') ?? 'info'));
  if (logLevel === undefined) violations.push(`LIMBECK_LOG_LEVEL must be one of ${logLevels.join(', ')}`);
  const value: Config = {
    port: number('LIMBECK_PORT', { fallback: 8080, least: 0, most: 65535 }),
    adminPort: number('LIMBECK_ADMIN_PORT', { fallback: 8081, least: 0, most: 65535 }),
    domain: given('LIMBECK_DOMAIN')?.toLowerCase(),
    maxBodyBytes: number('LIMBECK_MAX_BODY_BYTES', { fallback: 64 * mebibyte, least: 1, most: 2 ** 40 }),
    bodyMemoryBytes: number('LIMBECK_BODY_MEMORY_BYTES', { fallback: 128 * mebibyte, least: mebibyte, most: 2 ** 40 }),
    lameDuckSeconds: number('LIMBECK_LAME_DUCK_SECONDS', { fallback: 5, least: 0, most: 600 }),
    drainSeconds: number('LIMBECK_DRAIN_SECONDS', { fallback: 30, least: 0, most: 3600 }),
    answerSeconds: number('LIMBECK_ANSWER_SECONDS', { fallback: 300, least: 1, most: 86400 }),
    accessLogSample: number('LIMBECK_ACCESS_LOG_SAMPLE', { fallback: 0.01, least: 0, most: 1 }),
    logLevel: logLevel ?? 'info',
    podName: given('POD_NAME') ?? hostname(),
    watchNamespace: given('LIMBECK_WATCH_NAMESPACE'),
  };
  return violations.length === 0 ? { ok: true, value } : { ok: false, violations };
}

/** The settings of this process. */
export const readConfig = (): Parsed => parseConfig(process.env);
