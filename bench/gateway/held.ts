/**
 * Five thousand requests held for a service without replicas: how long from the first replica to the last answer, and
 * how much memory that takes; by the gateway, and in turn by the least that holds requests at all. Client and replica live
 * in this process, whoever holds in its own.
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

async function round(holder: string): Promise<Round> {
  const gateway = spawn(process.execPath, [holder, replicaPort, 'later'], {
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

interface Pair {
  readonly gateway: Round;
  readonly plain: Round;
}

const text = ({ heldMiB, firstMs, lastMs, failed }: Round): string =>
  `${heldMiB} MiB, first answer ${firstMs} ms, last ${lastMs} ms, failed ${failed}`;

const pairs: Pair[] = [];
for (let n = 0; n < rounds; n++) {
  const gateway = await round('bench/gateway/proxy.ts');
  const plain = await round('bench/gateway/plain-holder.ts');
  pairs.push({ gateway, plain });
  console.log(`${held} held, then released: gateway ${text(gateway)}; plain ${text(plain)}`);
}
const figures = (side: keyof Pair) => ({
  heldMiB: spread(pairs.map((pair) => pair[side].heldMiB)),
  firstMs: spread(pairs.map((pair) => pair[side].firstMs)),
  lastMs: spread(pairs.map((pair) => pair[side].lastMs)),
  failed: pairs.reduce((sum, pair) => sum + pair[side].failed, 0),
});
const ratio = (read: (found: Round) => number) =>
  spread(pairs.map(({ gateway, plain }) => read(gateway) / read(plain)));
const result = {
  name: 'gateway-held',
  reference: 'the least that holds requests with node:http, in alternating rounds',
  ratios: { heldMiB: ratio(({ heldMiB }) => heldMiB), lastMs: ratio(({ lastMs }) => lastMs) },
  held,
  gateway: figures('gateway'),
  plain: figures('plain'),
};
writeResult(result);
replica.close();
replica.closeAllConnections();
