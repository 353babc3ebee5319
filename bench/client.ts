/** The Node client of load.ts: one undici connection per client. A Load as JSON on stdin, its body in base64, a Window as JSON on stdout. */
import { readFileSync } from 'node:fs';
import { Client } from 'undici';
import type { Load, Window } from './load.ts';

const { url, host, headers: more, connections, seconds, body: sent } = JSON.parse(readFileSync(0, 'utf8')) as Load;
const body = Buffer.from(String(sent), 'base64');
const { origin, pathname } = new URL(url);
const latencies: number[] = [];
let failed = 0;
const start = performance.now();
const end = start + seconds * 1000;

async function loop(): Promise<void> {
  const client = new Client(origin);
  const headers = { host, 'content-type': 'application/json', ...more };
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
  await client.close();
}

await Promise.all(Array.from({ length: connections }, loop));
const elapsedSeconds = (performance.now() - start) / 1000;
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)] ?? 0;
const window: Window = { rps: latencies.length / elapsedSeconds, p50Ms: at(0.5), p99Ms: at(0.99), failed };
console.log(JSON.stringify(window));
