/**
 * Five thousand requests held for a service without replicas: how long from the first replica to the last answer, and
 * how much memory the gateway takes. Client and replica live in this process, the gateway in its own.
 */
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { residentMiB, spread, writeResult } from '../measure.ts';

const held = Number(process.env.BENCH_HELD ?? 5000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);

const replica = createServer((incoming, response) => {
  incoming.resume();
  response.end('ok');
});
await new Promise<void>((resolve) => replica.listen(0, '127.0.0.1', resolve));
const replicaPort = String((replica.address() as AddressInfo).port);

interface Round {
  readonly heldMiB: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly failed: number;
}

async function round(): Promise<Round> {
  const gateway = spawn(process.execPath, ['bench/gateway/proxy.ts', replicaPort, 'later'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: ((line: string) => void)[] = [];
  gateway.stdout.on('data', (chunk: Buffer) => lines.shift()?.(chunk.toString().trim()));
  const line = (): Promise<string> => new Promise((resolve) => lines.push(resolve));
  const port = Number(await line());
  const times: number[] = [];
  let failed = 0;
  let releasedAt = 0;
  const body = Buffer.alloc(1000, 'x');
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const path = '/namespaces/default/services/digits/v2/models/digits/infer';
      const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false }, (response) => {
        if (response.statusCode === 200) times.push(performance.now() - releasedAt);
        else failed++;
        response.resume().on('end', resolve);
      });
      sent.on('error', () => {
        failed++;
        resolve();
      });
      sent.end(body);
    });
  const all = Promise.all(Array.from({ length: held }, one));
  // The gateway says when all of them wait; then it is told to let the replica in.
  gateway.stdin.write(`${held}\n`);
  await line();
  const heldMiB = residentMiB(gateway);
  releasedAt = performance.now();
  gateway.stdin.write('go\n');
  await all;
  gateway.kill();
  const sorted = times.sort((a, b) => a - b);
  return { heldMiB, firstMs: Math.round(sorted[0] ?? 0), lastMs: Math.round(sorted.at(-1) ?? 0), failed };
}

const results: Round[] = [];
for (let n = 0; n < rounds; n++) {
  const result = await round();
  results.push(result);
  const { heldMiB, firstMs, lastMs, failed } = result;
  console.log(
    `${held} held in ${heldMiB} MiB; released: first answer ${firstMs} ms, last ${lastMs} ms, failed ${failed}`,
  );
}
const figure = (read: (found: Round) => number) => spread(results.map(read));
const result = {
  name: 'gateway-held',
  reference: 'none: milliseconds from the first replica to the first and the last answer, and memory',
  ratios: {},
  held,
  heldMiB: figure(({ heldMiB }) => heldMiB),
  firstMs: figure(({ firstMs }) => firstMs),
  lastMs: figure(({ lastMs }) => lastMs),
  failed: results.reduce((sum, { failed }) => sum + failed, 0),
};
writeResult(result);
replica.close();
replica.closeAllConnections();
