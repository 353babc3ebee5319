/** Processes under test: none outlives the bench, and each says what it has to say in a log beside what was built. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildFolder } from '../cache.ts';
import { kubeconfig, removeApiServer } from './api-server.ts';

const running = new Set<ChildProcess>();

/** For the way out: nothing is left of what was started, nor of the API server on the port. */
export function cleanUp(port: number): void {
  for (const child of running) child.kill('SIGKILL');
  removeApiServer(port);
}

/** Cleans up and ends when somebody stops the bench. */
export function cleanUpOnSignals(port: number): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      cleanUp(port);
      process.exit(1);
    });
}

/** Starts a program that finds the bench's API server. */
export function started(command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  mkdirSync(buildFolder, { recursive: true });
  const log = openSync(join(buildFolder, `${basename(command)}.log`), 'w');
  const child = spawn(command, args, { env: { ...env, KUBECONFIG: kubeconfig }, stdio: ['ignore', log, log] });
  closeSync(log);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Throws once it has ended by itself: whoever waits for it would wait in vain. */
export function assertRuns(name: string, { exitCode, signalCode }: ChildProcess): void {
  const end = exitCode ?? signalCode;
  if (end !== null) throw new Error(`${name} ended with ${end}; its log is in ${buildFolder}`);
}

/** Asks it to end, and insists after ten seconds. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(late);
}
