/** Thousands of TrainingJobs and pods that are there already: what it takes to know them all, and what it takes to rest. */
import { setTimeout as later } from 'node:timers/promises';
import { cpuSeconds, peakMiB, residentMiB } from '../measure.ts';
import { makePods } from './pods.ts';
import { openApiServer, type ApiServer } from './api-server.ts';
import { childrenOf, difference, total, writesOf } from './burst.ts';
import type { Between } from './scrape.ts';
import { quiet, startSide, type Running, type Side } from './sides.ts';
import { makeJobs } from './work.ts';

const namespace = 'scale';
const workers = 2;
/** What the start has left is collected within this time, once: it belongs to the start, and not to rest. */
const settleMs = 30_000;
/** TrainingJobs that come while all the others are there. */
const lateJobs = 100;

export interface Resident {
  readonly syncSeconds: number;
  readonly syncCpuSeconds: number;
  readonly peakMiB: number;
  readonly settledMiB: number;
  /** In the first minute, and when what has never answered is known to have nothing to say; absent: not waited for. */
  readonly restCpuPercent: number;
  readonly laterRestCpuPercent?: number;
  readonly restWrites: number;
  readonly restPasses: number;
  /** Of the first look at everything, and of the TrainingJobs that came late. */
  readonly firstWaitedP99Seconds: Between;
  readonly lateWaitedP99Seconds: Between;
  readonly lateCallsPerPass: number;
}

/** What was found among all that is there; the reference meets the late TrainingJobs of Limbeck's turn, too. */
export interface Scale {
  readonly jobs: number;
  readonly pods: number;
  /** Memory of the operator that made everything: the most until the first `few` were made, and until all were; and after all. */
  readonly few: number;
  readonly fewPeakMiB: number;
  readonly grownPeakMiB: number;
  readonly grownMiB: number;
  readonly limbeck: Resident;
  readonly reference: Resident;
}

/** How much there is, and for how long it is watched at rest. */
export interface Size {
  readonly jobs: number;
  readonly restSeconds: number;
  /** After so long it is watched once more. */
  readonly laterSeconds?: number;
}

interface Rest {
  readonly cpuPercent: number;
  readonly writes: number;
  readonly passes: number;
}

async function rest(api: ApiServer, side: Side, running: Running, seconds: number): Promise<Rest> {
  const { child } = running;
  const look = async () => {
    const own = await running.scrape();
    return { own, writes: writesOf(await api.metrics(), own, side), cpu: cpuSeconds(child) };
  };
  const before = await look();
  await later(seconds * 1000);
  const after = await look();
  return {
    cpuPercent: (100 * (after.cpu - before.cpu)) / seconds,
    writes: total(difference(after.writes, before.writes)),
    passes: side.passes(after.own) - side.passes(before.own),
  };
}

/** A side that has just seen everything, at rest; and again after a while, where it is asked for. */
async function rests(api: ApiServer, side: Side, running: Running, { restSeconds, laterSeconds }: Size) {
  await later(settleMs);
  const first = await rest(api, side, running, restSeconds);
  if (laterSeconds !== undefined) await later(laterSeconds * 1000);
  const second = laterSeconds === undefined ? undefined : await rest(api, side, running, restSeconds);
  return {
    restCpuPercent: first.cpuPercent,
    ...(second === undefined ? {} : { laterRestCpuPercent: second.cpuPercent }),
    restWrites: first.writes + (second?.writes ?? 0),
    restPasses: first.passes + (second?.passes ?? 0),
  };
}

async function late(api: ApiServer, side: Side, running: Running, jobs: number) {
  const before = { api: await api.metrics(), own: await running.scrape() };
  await makeJobs(api, { namespace, from: jobs, to: jobs + lateJobs, workers });
  await childrenOf(api, { namespace, jobs: jobs + lateJobs, services: jobs + lateJobs }, 120_000);
  await quiet(side, running, 120_000);
  const own = await running.scrape();
  const writes = difference(writesOf(await api.metrics(), own, side), writesOf(before.api, before.own, side));
  const gets = side.gets(own) - side.gets(before.own);
  return {
    lateWaitedP99Seconds: side.waitedP99Seconds(own, before.own),
    lateCallsPerPass: (total(writes) + gets) / (side.passes(own) - side.passes(before.own)),
  };
}

/** Starts a side among all that is there. */
async function resident(api: ApiServer, side: Side, port: number, size: Size): Promise<Resident> {
  const running = await startSide(side, port);
  try {
    const { child, startedAt } = running;
    const quietAt = await quiet(side, running, 600_000);
    const first = await running.scrape();
    const synced = {
      syncSeconds: (quietAt - startedAt) / 1000,
      syncCpuSeconds: cpuSeconds(child),
      firstWaitedP99Seconds: side.waitedP99Seconds(first),
      peakMiB: peakMiB(child),
    };
    const rested = await rests(api, side, running, size);
    const settledMiB = residentMiB(child);
    return { ...synced, ...rested, settledMiB, ...(await late(api, side, running, size.jobs)) };
  } finally {
    await running.stop();
  }
}

/** Makes everything with Limbeck, then starts each side among it; the memory at a hundred is seen on the way. */
export async function scale(ours: Side, theirs: Side, port: number, size: Size): Promise<Scale> {
  const api = await openApiServer(port, namespace);
  try {
    // Pods are scripted: the Job controller would make its own, twenty a second.
    api.stopControllers();
    const few = Math.min(100, size.jobs);
    const running = await startSide(ours, port + 10);
    const made = async (from: number, to: number): Promise<void> => {
      await makeJobs(api, { namespace, from, to, workers });
      await childrenOf(api, { namespace, jobs: to, services: to }, 600_000);
      await quiet(ours, running, 600_000);
      await later(5000);
    };
    await made(0, few);
    const fewPeakMiB = peakMiB(running.child);
    await made(few, size.jobs);
    const pods = await makePods(api, namespace);
    await quiet(ours, running, 600_000);
    const [grownMiB, grownPeakMiB] = [residentMiB(running.child), peakMiB(running.child)];
    await running.stop();
    const limbeck = await resident(api, ours, port + 10, size);
    // The reference asks no pod anything, so that it rests at once.
    const { restSeconds } = size;
    const reference = await resident(api, theirs, port + 10, { jobs: size.jobs + lateJobs, restSeconds });
    return { jobs: size.jobs, pods, few, fewPeakMiB, grownPeakMiB, grownMiB, limbeck, reference };
  } finally {
    await api.close();
  }
}
