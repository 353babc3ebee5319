/** The Node client of load.ts: one undici connection per client. A Load as JSON on stdin, its body in base64, a Window as JSON on stdout. */
import { readFileSync } from 'node:fs';
import { Client } from 'undici';
import type { Load, Window } from './load.ts';

const load = JSON.parse(readFileSync(0, 'utf8')) as Load;
const { url, host, headers: more, connections, seconds, warmUpSeconds = 0, body: sent } = load;
const body = Buffer.from(String(sent), 'base64');
const { origin, pathname } = new URL(url);
const headers = { host, 'content-type': 'application/json', ...more };
const clients = Array.from({ length: connections }, () => new Client(origin));
let failed = 0;

/** Each client sends its next request when it has the answer to the last, for so long; what is returned are the latencies. */
async function ask(durationMs: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  const end = performance.now() + durationMs;
  const loop = async (client: Client): Promise<void> => {
    while (performance.now() < end) {
      const sentAt = performance.now();
      try {
        const answer = await client.request({ method: 'POST', path: pathname, headers, body });
        await answer.body.dump();
        if (answer.statusCode >= 300) failed++;
      } catch {
        failed++;
      }
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(clients.map(loop));
  return latencies;
}

await ask(warmUpSeconds * 1000);
const start = performance.now();
const latencies = (await ask(seconds * 1000)).toSorted((a, b) => a - b);
const elapsedSeconds = (performance.now() - start) / 1000;
await Promise.all(clients.map((client) => client.close()));
const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)] ?? 0;
const window: Window = { rps: latencies.length / elapsedSeconds, p50Ms: at(0.5), p99Ms: at(0.99), failed };
console.log(JSON.stringify(window));
