/**
 * The gateway against no gateway, on loopback: client → replica, and client → gateway → replica, in alternating windows,
 * so that a noisy machine disturbs both alike. Then windows one after another, to see whether it stays as it is.
 * Everything shares the machine's cores, the client included: ratios say more than rates.
 */
import { readFileSync } from 'node:fs';
import { generator, load, type Window } from '../load.ts';
import { cpuSeconds, residentMiB, spread, spreadText, start, summary, writeResult } from '../measure.ts';

const seconds = Number(process.env.BENCH_SECONDS ?? 2);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
const sustainedSeconds = seconds * 4;

const data = Array.from({ length: 64 }, () => 0.5);
const body = JSON.stringify({ inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 64], data }] });

function window(port: number, connections: number, forSeconds: number): Promise<Window> {
  const url = `http://127.0.0.1:${port}/v2/models/digits/infer`;
  return load({ url, host: 'digits.default.svc', body, connections, seconds: forSeconds });
}

/** Connections that the kernel still remembers: a gateway that opens one for each request would pile them up. */
const timeWait = (): number => Number(/^TCP:.* tw (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? 0);

const backend = await start('bench/gateway/backend.ts');
const proxy = await start('bench/gateway/proxy.ts', [String(backend.port)]);

async function cell(connections: number) {
  const windows: { direct: Window; gateway: Window }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const direct = await window(backend.port, connections, seconds);
    windows.push({ direct, gateway: await window(proxy.port, connections, seconds) });
  }
  const found = {
    connections,
    direct: summary(windows.map(({ direct }) => direct)),
    gateway: summary(windows.map(({ gateway }) => gateway)),
    rpsRatio: spread(windows.map(({ direct, gateway }) => gateway.rps / direct.rps)),
    addedP50Ms: spread(windows.map(({ direct, gateway }) => gateway.p50Ms - direct.p50Ms)),
    addedP99Ms: spread(windows.map(({ direct, gateway }) => gateway.p99Ms - direct.p99Ms)),
  };
  const { direct, gateway, rpsRatio: ratio, addedP50Ms: added } = found;
  console.log(
    `c=${connections}: direct ${direct.rps.median} rps, gateway ${gateway.rps.median}, ratio ${spreadText(ratio)}, ` +
      `p50 +${added.median} ms, ` +
      `p99 ${gateway.p99Ms.median} ms (direct ${direct.p99Ms.median}), failed ${gateway.failed}`,
  );
  return found;
}

async function sustain() {
  const direct = await window(backend.port, 64, seconds);
  const before = cpuSeconds(proxy.child);
  const gateway = await window(proxy.port, 64, sustainedSeconds);
  // A noisy machine takes time from the gateway, but a request costs it what it costs.
  const cpuMicros = ((cpuSeconds(proxy.child) - before) * 1e6) / (gateway.rps * sustainedSeconds);
  return {
    ...gateway,
    cpuMicrosPerRequest: Number(cpuMicros.toPrecision(3)),
    ratio: Number((gateway.rps / direct.rps).toPrecision(3)),
    timeWait: timeWait(),
  };
}

try {
  console.log(
    `gateway bench: ${pairs} pairs of ${seconds} s windows at 1, 16 and 64 connections, then 3 of ${sustainedSeconds} s, load by ${generator}`,
  );
  for (const { port } of [backend, proxy]) await window(port, 16, 3);
  const cells = [await cell(1), await cell(16), await cell(64)];
  const timeWaitBefore = timeWait();
  const sustained = [await sustain(), await sustain(), await sustain()];
  const each = (read: (found: (typeof sustained)[number]) => number): string => sustained.map(read).join(' → ');
  console.log(
    `c=64, one after another: ${each(({ rps }) => Math.round(rps))} rps, ratio ${each(({ ratio }) => ratio)},`,
  );
  console.log(`gateway CPU a request ${each(({ cpuMicrosPerRequest: micros }) => micros)} µs,`);
  console.log(`failed ${each(({ failed }) => failed)}; TIME_WAIT ${timeWaitBefore} → ${timeWait()}`);
  console.log(`resident ${residentMiB(proxy.child)} MiB`);
  const ratios = cells.flatMap(({ connections, rpsRatio, addedP50Ms, addedP99Ms }) => [
    [`${connections}/rps`, rpsRatio] as const,
    [`${connections}/addedP50Ms`, addedP50Ms] as const,
    [`${connections}/addedP99Ms`, addedP99Ms] as const,
  ]);
  const result = {
    name: 'gateway',
    reference: 'the same replica without the gateway, in the same run; rps more is better',
    ratios: { ...Object.fromEntries(ratios), 'sustained/rps': spread(sustained.map(({ ratio }) => ratio)) },
    ...{ seconds, pairs, cells, sustained, timeWaitBefore, residentMiB: residentMiB(proxy.child) },
  };
  writeResult(result);
} finally {
  proxy.child.kill();
  backend.child.kill();
}
