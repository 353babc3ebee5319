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

async function forward(namespace: string): Promise<Gateway> {
  const args = ['--namespace', namespace, 'port-forward', 'service/limbeck-gateway', ':http', '--address=127.0.0.1'];
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return { url: `http://127.0.0.1:${port}`, close: () => void child.kill() };
  }
  throw new Error('kubectl port-forward to the gateway ended at once; is the chart installed?');
}
