/**
 * A closed loop of clients against one URL: each sends its next request when it has the answer to the last. wrk where it
 * is installed, a Node client otherwise: slower, and the same for both sides of a comparison.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** What came of one window of load. */
export interface Window {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and connections that failed. */
  readonly failed: number;
}

/** What to send and for how long. */
export interface Load {
  readonly url: string;
  /** The Host header. */
  readonly host: string;
  /** What is posted: text, or bytes of any kind. */
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** How long the Node client asks before it counts: its own code is slow until then. */
  readonly warmUpSeconds?: number;
}

/** Which program makes the load here. */
export const generator = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'wrk')))
  ? 'wrk'
  : 'node';

const run = promisify(execFile);

function milliseconds(text: string): number {
  const unit = /(us|ms|m|s)$/.exec(text)?.[1] ?? 'ms';
  return parseFloat(text) * { us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit as 'us' | 'ms' | 's' | 'm'];
}

function parsed(text: string): Window {
  const take = (pattern: RegExp, fallback = ''): string => pattern.exec(text)?.[1] ?? fallback;
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  return {
    rps: Number(take(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(take(/^\s+50%\s+(\S+)/m)),
    p99Ms: milliseconds(take(/^\s+99%\s+(\S+)/m)),
    failed:
      Number(take(/Non-2xx or 3xx responses: (\d+)/, '0')) +
      [...socketErrors].slice(1).reduce((all, count) => all + Number(count), 0),
  };
}

async function wrk({ url, host, body, headers = {}, connections, seconds }: Load): Promise<Window> {
  const [script, payload] = ['build/bench/post.lua', 'build/bench/post.body'];
  mkdirSync('build/bench', { recursive: true });
  writeFileSync(payload, body);
  const all = Object.entries({ 'content-type': 'application/json', ...headers });
  const lines = [
    'wrk.method = "POST"',
    `wrk.body = io.open("${payload}", "rb"):read("*a")`,
    ...all.map(([name, value]) => `wrk.headers["${name}"] = "${value}"`),
  ];
  writeFileSync(script, `${lines.join('\n')}\n`);
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, '-H', `Host: ${host}`, url];
  return parsed((await run('wrk', options)).stdout);
}

/** In a process of its own, or the bench would share its loop with the client. */
async function nodeClient(load: Load): Promise<Window> {
  const sent = { ...load, body: Buffer.from(load.body).toString('base64') };
  const client = run(process.execPath, ['bench/client.ts']);
  client.child.stdin?.end(JSON.stringify(sent));
  return JSON.parse((await client).stdout) as Window;
}

/** Loads one URL for one window. */
export const load = generator === 'wrk' ? wrk : nodeClient;
