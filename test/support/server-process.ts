/** The model server as a process of its own, as a person starts it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { childEnvironment } from './child-environment.ts';
import { until } from './model-server.ts';

export interface ServerProcess {
  readonly url: string;
  /** host:port; empty without gRPC. */
  readonly grpcAddress: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Memory that it holds. */
export function residentMiB({ child: { pid } }: ServerProcess): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

type Line = Readonly<Record<string, unknown>>;
type Environment = Readonly<Record<string, string>>;

/** One that was started, whatever becomes of it. */
export interface SpawnedServer {
  readonly child: ChildProcess;
  /** With its exit code and signal. */
  readonly exited: Promise<unknown[]>;
  /** The first line of its log with this message, once it has said it. */
  readonly said: (message: string) => Line | undefined;
  /** Where it answers, once it listens. */
  readonly url: () => string;
}

/** Where a server is started: in a process group of its own, or by a command that ends in becoming it. */
export interface Surroundings {
  readonly ownGroup?: boolean;
  readonly by?: readonly string[];
}

/** Starts the server on free ports of loopback. */
export function spawnServer(environment: Environment, { ownGroup = false, by }: Surroundings = {}): SpawnedServer {
  const program = [process.execPath, 'runtime/server/main.ts'];
  const [command, ...args] = by === undefined ? program : [...by, ...program];
  const child = spawn(command ?? '', args, {
    env: { ...childEnvironment, LIMBECK_PORT: '0', LIMBECK_DRAIN_SECONDS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: ownGroup,
  });
  const exited = once(child, 'exit');
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
  const said = (message: string): Line | undefined => lines.find((line) => line['message'] === message);
  return { child, exited, said, url: () => `http://127.0.0.1:${String(said('listening')?.['port'])}` };
}

/** Dozens of sessions open at once, and beside the pods of an end-to-end test they get what those leave of two cores. */
const readyWithinMs = 240_000;

/** For a hook that starts a server, in milliseconds: longer than readiness is waited for, so that this speaks. */
export const startLimitMs = 300_000;

/** Starts the server as `spawnServer` does, and waits until it is ready. */
export async function startServerProcess(environment: Environment, options?: Surroundings): Promise<ServerProcess> {
  const { child, exited, said, url } = spawnServer(environment, options);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  const isReady = async (): Promise<boolean> => (await fetch(`${url()}/v2/health/ready`)).status === 200;
  const listensForGrpc = (): boolean => said('listening for gRPC') !== undefined;
  try {
    await until(() => said('listening') !== undefined || child.exitCode !== null, readyWithinMs);
    await until(isReady, readyWithinMs);
    if (environment['LIMBECK_GRPC_PORT'] !== undefined) await until(listensForGrpc);
  } catch (error) {
    await stop();
    throw error;
  }
  const grpcPort = said('listening for gRPC')?.['port'] as number | undefined;
  return { url: url(), grpcAddress: `127.0.0.1:${grpcPort ?? ''}`, child, stop };
}
