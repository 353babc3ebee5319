/** What the S3 server says of itself becomes lines of our log. */
import { stripVTControlCharacters } from 'node:util';
import type { Log, LogLevel } from '../../process/logger.ts';

export type Stream = 'stdout' | 'stderr';

/** Of one line. Container runtimes part lines from 16 KiB on, and a letter may take six bytes of JSON. */
const mostSaid = 2048;

/** Go's own time stamp: ours is beside it. */
const goTime = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;

/** What it says on a stream without a word about how bad it is. */
const unmarked: Readonly<Record<Stream, LogLevel>> = { stdout: 'info', stderr: 'error' };

/** How a line begins → how bad it is. */
const marks: readonly (readonly [RegExp, LogLevel])[] = [
  [/^warning\b/i, 'warn'],
  [/^(?:caught signal|terminating signal)/, 'info'],
];

/** The keys of the store as they may be written, and what signs a URL, are left out. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const spelt = secrets.filter((secret) => secret !== '').flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return (text) =>
    spelt
      .reduce((rest, secret) => rest.replaceAll(secret, '…'), text)
      .replaceAll(/(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s]+/gi, '$1…');
}

export interface Voice {
  /** A line as it was written; `level` where it is known. */
  say(stream: Stream, line: string, level?: LogLevel): void;
  /** The last complaint. */
  readonly complaint: string | undefined;
}

/** Speaks in the S3 server's place. */
export function voice(log: Log, secrets: readonly string[]): Voice {
  const redact = redactor(secrets);
  let complaint: string | undefined;
  return {
    say: (stream, raw, known) => {
      // Redacted before it is cut, or half a key could stay.
      const line = redact(stripVTControlCharacters(raw)).replace(goTime, '').trim().slice(0, mostSaid);
      if (line === '') return;
      const level = known ?? marks.find(([mark]) => mark.test(line))?.[1] ?? unmarked[stream];
      if (level === 'error') complaint = line;
      log[level]('the S3 server says', { line });
    },
    get complaint() {
      return complaint;
    },
  };
}
