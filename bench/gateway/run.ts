/**
 * The gateway against no gateway, on loopback: wrk → replica, and wrk → gateway → replica, in alternating windows, so
 * that a noisy machine disturbs both alike. Then long windows one after another, to see whether it stays as it is.
 * Everything shares the machine's cores, the client included: ratios say more than rates.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

interface Window {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const seconds = Number(process.env.BENCH_SECONDS ?? 5);
const pairs = Number(process.env.BENCH_PAIRS ?? 5);
const script = 'build/bench/gateway.lua';

async function start(file: string, ...args: string[]): Promise<{ port: number; child: ChildProcess }> {
  const child = spawn(process.execPath, [`bench/gateway/${file}.ts`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${file} ended`)));
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
  });
  return { port, child };
}

const milliseconds = (text: string): number => {
  const unit = /(us|ms|s)$/.exec(text)?.[1] ?? 'ms';
  return parseFloat(text) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'];
};

function wrk(port: number, connections: number, forSeconds: number): Window {
  const target = `http://127.0.0.1:${port}/v2/models/digits/infer`;
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${forSeconds}s`,
    '--latency',
    '-s',
    script,
    '-H',
    'Host: digits.default.svc',
  ];
  const text = execFileSync('wrk', [...args, target], { encoding: 'utf8' });
  const take = (pattern: RegExp, fallback = ''): string => pattern.exec(text)?.[1] ?? fallback;
  const sum = (pattern: RegExp): number =>
    [...(pattern.exec(text) ?? [])].slice(1).reduce((all, n) => all + Number(n), 0);
  return {
    rps: Number(take(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(take(/^\s+50%\s+(\S+)/m)),
    p99Ms: milliseconds(take(/^\s+99%\s+(\S+)/m)),
    failed:
      Number(take(/Non-2xx or 3xx responses: (\d+)/, '0')) +
      sum(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/),
  };
}

const spread = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toPrecision(4));
  return { min: at(0), median: at(0.5), max: at(1) };
};
const summary = (windows: readonly Window[]) => ({
  rps: spread(windows.map(({ rps }) => rps)),
  p50Ms: spread(windows.map(({ p50Ms }) => p50Ms)),
  p99Ms: spread(windows.map(({ p99Ms }) => p99Ms)),
  failed: windows.reduce((sum, { failed }) => sum + failed, 0),
});
const timeWait = (): number => Number(/^TCP:.* tw (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? 0);
const ticksPerSecond = 100;
const cpuSeconds = (child: ChildProcess): number => {
  const fields =
    readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
const residentMiB = (child: ChildProcess): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'))?.[1] ?? 0) / 1024);

mkdirSync('build/bench', { recursive: true });
const body = '{"inputs":[{"name":"image","datatype":"FP32","shape":[1,64],"data":[' + '0.5,'.repeat(63) + '0.5]}]}';
writeFileSync(script, `wrk.method = "POST"\nwrk.body = '${body}'\nwrk.headers["Content-Type"] = "application/json"\n`);

const backend = await start('backend');
const proxy = await start('proxy', String(backend.port));
try {
  console.log(
    `gateway bench: ${pairs} pairs of ${seconds} s windows at 1, 16 and 64 connections, then 4 of ${seconds * 4} s`,
  );
  for (const port of [backend.port, proxy.port]) wrk(port, 16, 3);
  const cells = [1, 16, 64].map((connections) => {
    const windows = Array.from({ length: pairs }, () => ({
      direct: wrk(backend.port, connections, seconds),
      gateway: wrk(proxy.port, connections, seconds),
    }));
    const cell = {
      connections,
      direct: summary(windows.map(({ direct }) => direct)),
      gateway: summary(windows.map(({ gateway }) => gateway)),
      rpsRatio: spread(windows.map(({ direct, gateway }) => gateway.rps / direct.rps)),
      addedP50Ms: spread(windows.map(({ direct, gateway }) => gateway.p50Ms - direct.p50Ms)),
      addedP99Ms: spread(windows.map(({ direct, gateway }) => gateway.p99Ms - direct.p99Ms)),
    };
    const { direct, gateway, rpsRatio: ratio, addedP50Ms: added } = cell;
    console.log(
      `c=${connections}: direct ${direct.rps.median} rps, gateway ${gateway.rps.min}/${gateway.rps.median}/${gateway.rps.max}, ` +
        `ratio ${ratio.min}/${ratio.median}/${ratio.max}, p50 +${added.median} ms, ` +
        `p99 ${gateway.p99Ms.median} ms (direct ${direct.p99Ms.median}), failed ${gateway.failed}`,
    );
    return cell;
  });
  const timeWaitBefore = timeWait();
  const sustained = [1, 2, 3, 4].map(() => {
    const direct = wrk(backend.port, 64, 2);
    const cpuBefore = cpuSeconds(proxy.child);
    const gateway = wrk(proxy.port, 64, seconds * 4);
    // A noisy machine takes time from the gateway, but a request costs it what it costs.
    const cpuMicros = ((cpuSeconds(proxy.child) - cpuBefore) * 1e6) / (gateway.rps * seconds * 4);
    return {
      ...gateway,
      cpuMicrosPerRequest: Number(cpuMicros.toPrecision(3)),
      ratio: Number((gateway.rps / direct.rps).toPrecision(3)),
      timeWait: timeWait(),
    };
  });
  const each = (read: (window: (typeof sustained)[number]) => number): string => sustained.map(read).join(' → ');
  console.log(
    `c=64, one after another: ${each(({ rps }) => Math.round(rps))} rps, ratio ${each(({ ratio }) => ratio)},`,
  );
  console.log(`gateway CPU a request ${each(({ cpuMicrosPerRequest: micros }) => micros)} µs,`);
  console.log(`failed ${each(({ failed }) => failed)}; TIME_WAIT ${timeWaitBefore} → ${timeWait()}`);
  console.log(`resident ${residentMiB(proxy.child)} MiB`);
  const result = {
    ...{ at: new Date().toISOString(), node: process.version, cores: availableParallelism(), seconds, pairs },
    reference: 'the same replica without the gateway, in the same run',
    ...{ cells, sustained, timeWaitBefore, residentMiB: residentMiB(proxy.child) },
  };
  writeFileSync('build/bench/gateway.json', `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  proxy.child.kill();
  backend.child.kill();
}
