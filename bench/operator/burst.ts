/** Many TrainingJobs at once, on an API server from nothing: how soon their children are there, and what that costs. */
import { batchJobs, services } from '../../operator/api/resources.ts';
import { cpuSeconds, peakMiB, residentMiB } from '../measure.ts';
import { openApiServer, sleep, until, type ApiServer } from './api-server.ts';
import type { Between, Scrape } from './scrape.ts';
import { quiet, startSide, type Running, type Side } from './sides.ts';
import { makeJobs } from './work.ts';

const namespace = 'burst';

/** What the children of many jobs cost, whoever makes them. */
export interface Cost {
  /** From the first request of our client to the last child. */
  readonly seconds: number;
  readonly jobsPerSecond: number;
  /** Of all processes together, until the last child, and until nobody writes any more. */
  readonly cpuSeconds: number;
  readonly cpuSecondsUntilQuiet: number;
  /** The sum of each process's own peak. */
  readonly peakMiB: number;
  readonly settledMiB: number;
  readonly writesPerJob: number;
  readonly writes: Readonly<Record<string, number>>;
}

export const rounded = (value: number): number => Number(value.toPrecision(3));

/** All of it in a line. */
export function costText(cost: Cost, jobs: number): string {
  const writes = Object.entries(cost.writes).map(([what, count]) => `${what} ${rounded(count / jobs)}`);
  return (
    `${rounded(cost.seconds)} s, ${rounded(cost.jobsPerSecond)} jobs/s, CPU ${rounded(cost.cpuSeconds)} s ` +
    `(${rounded(cost.cpuSecondsUntilQuiet)} until quiet), resident ${cost.settledMiB} MiB (peak ${cost.peakMiB}), ` +
    `writes a job ${rounded(cost.writesPerJob)}: ${writes.join(', ')}`
  );
}

export interface Burst extends Cost {
  readonly passesPerJob: number;
  readonly callsPerPass: number;
  readonly waitedP99Seconds: Between;
}

/** Verbs that write, as the API server counts requests. */
export const writing = /^(POST|PUT|PATCH|APPLY|DELETE)$/;

/** Writes of the operator by what was written, as the API server counts them. Controllers write none of these. */
export function writesOf(api: Scrape, own: Scrape, side: Side): Record<string, number> {
  const count = (resource: string, subresource = ''): number =>
    api.sum('apiserver_request_total', { resource, subresource, verb: writing });
  return {
    services: count('services'),
    jobs: count('jobs'),
    status: count('trainingjobs', 'status'),
    events: side.events(own),
  };
}

/** What was written between two looks. */
export const difference = (after: Record<string, number>, before: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]));

export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** What so many jobs come to: whether there is a Service for each depends on who makes it for how many workers. */
export interface Children {
  readonly namespace: string;
  readonly jobs: number;
  readonly services: number;
}

/** Waits until all of it is there. */
export async function childrenOf(api: ApiServer, children: Children, limitMs: number): Promise<void> {
  const { namespace: of, jobs } = children;
  const wanted = [
    [batchJobs, jobs],
    [services, children.services],
  ] as const;
  for (const [resource, count] of wanted)
    await until(resource.plural, limitMs, async () => (await api.count(resource, of)) >= count, 100);
}

async function measured(api: ApiServer, side: Side, running: Running, jobs: number): Promise<Burst> {
  const { child } = running;
  const before = { api: await api.metrics(), own: await running.scrape(), cpu: cpuSeconds(child) };
  const startedAt = performance.now();
  const made = makeJobs(api, { namespace, from: 0, to: jobs, workers: 2 });
  await Promise.all([made, childrenOf(api, { namespace, jobs, services: jobs }, 600_000)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = cpuSeconds(child) - before.cpu;
  await quiet(side, running, 600_000);
  const own = await running.scrape();
  const writes = difference(writesOf(await api.metrics(), own, side), writesOf(before.api, before.own, side));
  const passes = side.passes(own) - side.passes(before.own);
  const gets = side.gets(own) - side.gets(before.own);
  return {
    ...{ seconds, jobsPerSecond: jobs / seconds, cpuSeconds: cpu },
    cpuSecondsUntilQuiet: cpuSeconds(child) - before.cpu,
    ...{ peakMiB: peakMiB(child), settledMiB: residentMiB(child), writes },
    writesPerJob: total(writes) / jobs,
    passesPerJob: passes / jobs,
    callsPerPass: (total(writes) + gets) / passes,
    waitedP99Seconds: side.waitedP99Seconds(own, before.own),
  };
}

/** One round of one side. */
export async function burst(side: Side, port: number, jobs: number): Promise<Burst> {
  const api = await openApiServer(port, namespace);
  try {
    const running = await startSide(side, port + 10);
    try {
      await sleep(3000);
      // As if the Jobs were suspended, waiting for their turn in a queue: nobody makes pods meanwhile.
      api.stopControllers();
      return await measured(api, side, running, jobs);
    } finally {
      await running.stop();
    }
  } finally {
    await api.close();
  }
}
