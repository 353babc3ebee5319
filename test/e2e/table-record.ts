/** What somebody sees who runs `kubectl get tj -w` and leaves it on the screen. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface TableRecord {
  readonly lines: readonly string[];
  stop(): void;
}

export function recordTable(namespace: string): TableRecord {
  const args = ['--namespace', namespace, 'get', 'tj', '-w', '--no-headers'];
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { lines, stop: () => void child.kill() };
}
