/** Follows GET <url>/demand of one gateway for as long as it is told to: reconnects with back-off, and knows silence. */
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import { backoffMs, type BackoffPolicy } from '../kernel/backoff.ts';

export interface SubscriptionPorts {
  readonly url: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** `first`: the first line of a connection. */
  readonly onLine: (line: string, first: boolean) => void;
  /** What the gateway said is no longer known to be true. */
  readonly onLost: () => void;
}

/** Gateways speak each second; after this the connection is dead. */
const silenceMs = 3000;
const longestLine = 16 * 1024 * 1024;
const retry: BackoffPolicy = { firstMs: 100, factor: 2, capMs: 2000, jitter: 0.5 };

/** A chunk may hold half a line or several. Returns the rest that is not a line yet. */
function eachLine(text: string, use: (line: string) => void): string {
  let from = 0;
  for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
    if (to > from) use(text.slice(from, to));
    from = to + 1;
  }
  return text.slice(from);
}

function read(response: IncomingMessage, onLine: SubscriptionPorts['onLine']): void {
  response.on('error', () => response.destroy());
  if (response.statusCode !== 200) {
    response.destroy();
    return;
  }
  let rest = '';
  let first = true;
  response.setEncoding('utf8').on('data', (chunk: string) => {
    rest = eachLine(rest + chunk, (line) => {
      onLine(line, first);
      first = false;
    });
    if (rest.length > longestLine) response.destroy();
  });
}

/** Starts following; the result stops it. */
export function subscribe(ports: SubscriptionPorts): () => void {
  let stopped = false;
  let failures = 0;
  let request: ClientRequest | undefined;
  let cancelRetry = (): void => undefined;

  const onLine = (line: string, first: boolean): void => {
    if (stopped) return;
    ports.onLine(line, first);
    failures = 0;
  };
  const connect = (): void => {
    const made = get(`${ports.url}/demand`, { agent: false, timeout: silenceMs }, (response) => read(response, onLine));
    request = made;
    made.on('timeout', () => made.destroy());
    made.on('error', () => made.destroy());
    made.on('close', () => {
      if (stopped) return;
      ports.onLost();
      failures++;
      cancelRetry = ports.clock.after(backoffMs(retry, failures, ports.random()), connect);
    });
  };
  connect();
  return () => {
    stopped = true;
    cancelRetry();
    request?.destroy();
  };
}
