/** A program that runs as a child of this process and never outlives it. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { systemClock } from '../../process/clock.ts';
import { lines } from './lines.ts';
import type { Stream } from './voice.ts';

export interface Ended {
  /** As a shell tells it: 128 and its number for a signal. */
  readonly exitCode: number;
  readonly signal?: NodeJS.Signals;
}

export interface Program {
  /** When it is over and all that it said is read. Rejects where it cannot be started. */
  readonly ended: Promise<Ended>;
  /** Asks it to end; after so many milliseconds it is killed. */
  stop(graceMs: number): void;
}

export interface Told {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Characters of a line that are looked at: a record of the access log has twice the largest head of a request, 8 KiB, and more. */
const mostOfLine = 65_536;

function read(stream: Readable, onLine: (line: string) => void): void {
  const whole = lines(mostOfLine, onLine);
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => whole.push(text));
  stream.on('end', () => whole.end());
}

/** Starts it. `onLine` gets all that it writes. */
export function startProgram(told: Told, onLine: (stream: Stream, line: string) => void): Program {
  const child = spawn(told.program, told.args, { env: told.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  // Also where this process ends by a second signal or a bug.
  process.once('exit', () => child.kill('SIGKILL'));
  read(child.stdout, (line) => onLine('stdout', line));
  read(child.stderr, (line) => onLine('stderr', line));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === null) resolve({ exitCode: code ?? 1 });
      else resolve({ exitCode: 128 + constants.signals[signal], signal });
    });
  });
  return {
    ended,
    stop: (graceMs) => {
      child.kill('SIGTERM');
      systemClock.after(graceMs, () => child.kill('SIGKILL'));
    },
  };
}
