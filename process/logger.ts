/** JSON logs by winston: a constant sentence, then fields whose keys are the words of metrics and docs. */
import winston from 'winston';

export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(sentence: string, fields?: Fields): void;
  info(sentence: string, fields?: Fields): void;
  warn(sentence: string, fields?: Fields): void;
  error(sentence: string, fields?: Fields): void;
  child(fields: Fields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The one logger of a process. `component` names the process in every line. Lines go to standard output. */
export function createLogger(component: string, level: LogLevel): Log {
  const logger = winston.createLogger({
    level,
    defaultMeta: { component },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Console()],
  });
  // winston would format what it then drops: eight microseconds a line.
  for (const below of logLevels.slice(0, logLevels.indexOf(level))) logger[below] = () => logger;
  return logger;
}

/** The sentence of anything thrown, with the sentences of its causes. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${sentenceOf(error.cause)}`;
  return `${error.message || error.name}${cause}`;
}
