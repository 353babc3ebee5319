/** How the demo reaches the gateway: a node port of its own cluster, or kubectl port-forward on loopback. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Config } from './config.ts';

export interface Gateway {
  readonly url: string;
  close(): void;
}

/** Opens the way to the gateway. */
export async function openGateway(config: Config): Promise<Gateway> {
  const { gateway } = config;
  const stay = (url: string): Gateway => ({ url, close: () => undefined });
  if (gateway.kind === 'url') return stay(gateway.url);
  if (gateway.kind === 'nodePort') return stay(`http://127.0.0.1:${gateway.port}`);
  return forward(config.system);
}

/**
 * kubectl, which ends when this process closes the shell's input, or is no more, however it ended: it would listen for ever. The shell
 * lets go of the output, so that the output ends with kubectl.
 */
const leashed = 'kubectl "$@" & kubectl=$!; exec >/dev/null; cat; kill "$kubectl" 2>/dev/null';

async function forward(namespace: string): Promise<Gateway> {
  const args = ['--namespace', namespace, 'port-forward', 'service/limbeck-gateway', ':http', '--address=127.0.0.1'];
  const child = spawn('sh', ['-c', leashed, 'sh', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return { url: `http://127.0.0.1:${port}`, close: () => void child.stdin.end() };
  }
  child.stdin.end();
  throw new Error('kubectl port-forward to the gateway ended at once; is the chart installed?');
}
