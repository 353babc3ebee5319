/** What every benchmark needs: processes under test, their CPU and memory, spread, and one shape of result. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { generator, type Window } from './load.ts';

/** Of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A process under test and the port that it printed. */
export interface Server {
  readonly port: number;
  readonly child: ChildProcess;
}

/** The middle and both ends, to four digits. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toPrecision(4));
  return { median: at(0.5), low: at(0), high: at(1) };
}

/** As docs/benchmarks.md writes it. */
export const spreadText = ({ median, low, high }: Spread): string => `${median} (${low}..${high})`;

/** Rates, latencies and failures of one side. */
export function summary(windows: readonly Window[]) {
  return {
    rps: spread(windows.map(({ rps }) => rps)),
    p50Ms: spread(windows.map(({ p50Ms }) => p50Ms)),
    p99Ms: spread(windows.map(({ p99Ms }) => p99Ms)),
    failed: windows.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** Starts a TypeScript file as a process. It says its port as a line of its own, or as `"port":N` in a line of JSON. */
export async function start(file: string, args: readonly string[] = [], env = process.env): Promise<Server> {
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${file} ended`)));
    child.stdout.on('data', (chunk: Buffer) => {
      const found = /^(\d+)$|"port":(\d+)/m.exec(chunk.toString());
      if (found !== null) resolve(Number(found[1] ?? found[2]));
    });
  });
  return { port, child };
}

const ticksPerSecond = 100;

/** CPU that a process has used, in user and kernel, all threads. */
export function cpuSeconds({ pid }: ChildProcess): number {
  const [, afterName = ''] = readFileSync(`/proc/${pid ?? 0}/stat`, 'utf8').split(') ');
  const fields = afterName.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function statusMiB({ pid }: ChildProcess, line: RegExp): number {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
  return Math.round(Number(line.exec(status)?.[1] ?? 0) / 1024);
}

/** Memory that a process holds. */
export const residentMiB = (child: ChildProcess): number => statusMiB(child, /VmRSS:\s+(\d+)/);

/** The most that it ever held. */
export const peakMiB = (child: ChildProcess): number => statusMiB(child, /VmHWM:\s+(\d+)/);

/** What a benchmark found: figures by name against a reference measured in the same run, and whatever explains them. */
export interface Result {
  readonly name: string;
  readonly reference: string;
  readonly ratios: Readonly<Record<string, Spread>>;
}

/** Writes build/bench/<name>.json with the machine as it was. */
export function writeResult(result: Result): void {
  const machine = { node: process.version, cores: availableParallelism(), load: loadavg(), generator };
  mkdirSync('build/bench', { recursive: true });
  const path = `build/bench/${result.name}.json`;
  writeFileSync(path, `${JSON.stringify({ ...result, at: new Date().toISOString(), ...machine }, undefined, 2)}\n`);
  console.log(`written to ${path}`);
}
