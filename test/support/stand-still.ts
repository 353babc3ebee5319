import { readdirSync, readFileSync } from 'node:fs';
import { until } from './model-server.ts';

/** The letter after the name, which may have spaces and parentheses itself (proc(5), `stat`). */
const isStopped = (stat: string): boolean => stat.slice(stat.lastIndexOf(')')).startsWith(') T');

/**
 * Stops processes, and returns when all their threads stand: `kill` itself returns before, and on a busy machine those
 * that run already go on for as long as the one that was told waits for its turn.
 */
export async function standStill(...pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const stats = (pid: number): readonly string[] =>
    readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  await until(() => pids.flatMap(stats).every(isStopped));
}
