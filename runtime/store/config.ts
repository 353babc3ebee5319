/** Environment and arguments → Config of the store's process; every mistake is reported at once. */
import { logLevels, type LogLevel } from '../../process/logger.ts';
import type { Read } from '../../process/main.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Config {
  /** The S3 server, a versitygw, and what it is told. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  /** The folder of its buckets. */
  readonly volume: string;
  /** Where the S3 server itself says that it is well. */
  readonly healthUrl: string;
  /** What no log may say. */
  readonly secrets: readonly string[];
  readonly adminPort: number;
  /** How long the S3 server may take to stop. */
  readonly graceMs: number;
  readonly logLevel: LogLevel;
}

/** What it has to say so that it can be counted and asked; where it listens is its own affair. */
function environmentOf(given: Environment) {
  const usual = { VGW_PORT: ':7070', VGW_HEALTH: '/healthz' };
  const { VGW_PORT = usual.VGW_PORT, VGW_HEALTH = usual.VGW_HEALTH } = given;
  return { ...given, VGW_PORT, VGW_HEALTH, VGW_QUIET: 'true', VGW_ACCESS_LOG: 'stdout' };
}

/** Undefined where it listens on no port, or on several. */
function healthUrlOf({ VGW_PORT, VGW_HEALTH }: ReturnType<typeof environmentOf>): string | undefined {
  const [, host = '', port] = /^([^:/,]*):(\d+)$/.exec(VGW_PORT) ?? [];
  return port === undefined ? undefined : `http://${host === '' ? '127.0.0.1' : host}:${port}${VGW_HEALTH}`;
}

/** Reads what the store's process is told. `words`: the program, then its arguments, of which the last is the folder. */
export function parseConfig(given: Environment, words: readonly string[]): Read<Config> {
  const violations: string[] = [];
  const valid = <T>(value: T | undefined, otherwise: T, violation: string): T => {
    if (value === undefined) violations.push(violation);
    return value ?? otherwise;
  };
  const number = (name: string, fallback: number, most: number): number => {
    const value = Number(given[name] ?? fallback);
    const within = Number.isInteger(value) && value >= 0 && value <= most ? value : undefined;
    return valid(within, 0, `${name} must be a whole number from 0 to ${most}, not ${JSON.stringify(given[name])}`);
  };
  const [program = '', ...args] = words;
  const environment = environmentOf(given);
  const logLevel = logLevels.find((level) => level === (given['LIMBECK_LOG_LEVEL'] ?? 'info'));
  const secrets = [given['ROOT_ACCESS_KEY'], given['ROOT_SECRET_KEY']].filter((secret) => secret !== undefined);
  const misplaced = 'the arguments must be a program and what it is told, last of all the folder of its buckets';
  const value: Config = {
    ...{ program, args, environment, secrets, volume: valid(args.at(-1), '', misplaced) },
    healthUrl: valid(healthUrlOf(environment), '', 'VGW_PORT must be one port, as in :7070 or 127.0.0.1:7070'),
    adminPort: number('LIMBECK_ADMIN_PORT', 8081, 65535),
    graceMs: number('LIMBECK_GRACE_SECONDS', 12, 3600) * 1000,
    logLevel: valid(logLevel, 'info', `LIMBECK_LOG_LEVEL must be one of ${logLevels.join(', ')}`),
  };
  return violations.length === 0 ? { ok: true, value } : { ok: false, violations };
}

/** What this process is told. */
export const readConfig = (): Read<Config> => parseConfig(process.env, process.argv.slice(2));
