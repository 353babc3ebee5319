/** Many suspended jobs at once, on an API server from nothing; whoever makes their children is seen from outside alone. */
import type { ChildProcess } from 'node:child_process';
import { batchJobs } from '../../operator/api/resources.ts';
import { cpuSeconds, peakMiB, residentMiB } from '../measure.ts';
import { define, never, openApiServer, sleep, type ApiServer } from '../operator/api-server.ts';
import { childrenOf, difference, total, writing, type Cost } from '../operator/burst.ts';
import { assertRuns, stop } from '../operator/processes.ts';
import { limbeck as limbeckSide, startSide } from '../operator/sides.ts';
import { makeJobs } from '../operator/work.ts';

const namespace = 'burst';
const limitMs = 600_000;

interface Made {
  readonly namespace: string;
  readonly from: number;
  readonly to: number;
}

export interface Contestant {
  readonly name: 'limbeck' | 'kubeflow';
  /** On an API server from nothing, until it works; all the processes that it consists of. */
  readonly start: (api: ApiServer, port: number) => Promise<readonly ChildProcess[]>;
  /** Makes so many jobs of one worker; each gets one Job that is suspended. */
  readonly make: (api: ApiServer, of: Made) => Promise<void>;
  /** Services of each job. */
  readonly services: number;
}

/** Limbeck asks no queue on a cluster that serves no Kueue. Nobody lists it, and nobody admits anything here. */
const localQueues = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: { name: 'localqueues.kueue.x-k8s.io' },
  spec: {
    ...{ group: 'kueue.x-k8s.io', scope: 'Namespaced', names: { kind: 'LocalQueue', plural: 'localqueues' } },
    versions: [{ name: 'v1beta1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};

/** With their Jobs as they are for a queue: there, and suspended until there is quota. */
export async function limbeck(): Promise<Contestant> {
  const side = await limbeckSide();
  return {
    name: 'limbeck',
    start: async ({ cluster }, port) => {
      await define(cluster, localQueues);
      return [(await startSide(side, port)).child];
    },
    make: (api, of) => makeJobs(api, { ...of, workers: 1, queueName: 'queue' }),
    // One worker looks for nobody.
    services: 0,
  };
}

/** `writes` are by what is written, as the API server counts them, refused ones too. */
export type Round = Cost;

/** What our own client makes, and what tells only that somebody leads. */
const notCounted = /^(trainingjobs POST|trainjobs POST|leases .*)$/;

async function written(api: ApiServer): Promise<Record<string, number>> {
  return (await api.metrics()).sums('apiserver_request_total', ({ verb = '', resource = '', subresource = '' }) => {
    const what = subresource === '' ? resource : `${resource}/${subresource}`;
    return writing.test(verb) && !notCounted.test(`${what} ${verb}`) ? what : undefined;
  });
}

/** Waits until nobody has written for three seconds. Returns what was written until then. */
async function quiet(api: ApiServer): Promise<Record<string, number>> {
  const end = performance.now() + limitMs;
  let last = await written(api);
  for (let since = performance.now(); performance.now() - since < 3000;) {
    if (performance.now() > end) throw new Error('the writes do not end');
    await sleep(500);
    const found = await written(api);
    if (total(found) !== total(last)) since = performance.now();
    last = found;
  }
  return last;
}

const onlyUsed = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

const sum = (children: readonly ChildProcess[], of: (child: ChildProcess) => number): number =>
  children.reduce((found, child) => found + of(child), 0);

/** Both contestants are asked for the same: a Job that runs would be another one. */
async function assertSuspended({ cluster }: ApiServer, jobs: number): Promise<void> {
  const { items } = await cluster.list(batchJobs, { namespace, limit: jobs + 1 }, never);
  const suspended = items.filter(({ spec }) => spec?.suspend === true);
  if (suspended.length !== jobs) throw new Error(`${suspended.length} of ${jobs} Jobs are suspended`);
}

async function measured(
  api: ApiServer,
  { name, make, services }: Contestant,
  children: readonly ChildProcess[],
  jobs: number,
) {
  // The first one shows that all of it works, and is not measured.
  await make(api, { namespace, from: 0, to: 1 });
  await childrenOf(api, { namespace, jobs: 1, services }, 120_000);
  const before = { writes: await quiet(api), cpu: sum(children, cpuSeconds) };
  const startedAt = performance.now();
  const made = make(api, { namespace, from: 1, to: jobs + 1 });
  await Promise.all([made, childrenOf(api, { namespace, jobs: jobs + 1, services: services * (jobs + 1) }, limitMs)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = sum(children, cpuSeconds) - before.cpu;
  const writes = onlyUsed(difference(await quiet(api), before.writes));
  for (const child of children) assertRuns(name, child);
  await assertSuspended(api, jobs + 1);
  return {
    ...{ seconds, jobsPerSecond: jobs / seconds, cpuSeconds: cpu },
    cpuSecondsUntilQuiet: sum(children, cpuSeconds) - before.cpu,
    ...{ peakMiB: sum(children, peakMiB), settledMiB: sum(children, residentMiB) },
    ...{ writesPerJob: total(writes) / jobs, writes },
  };
}

/** One turn of one contestant. */
export async function round(contestant: Contestant, port: number, jobs: number): Promise<Round> {
  const api = await openApiServer(port, namespace);
  try {
    const children = await contestant.start(api, port + 10);
    try {
      await sleep(3000);
      // Nobody makes pods of Jobs that are suspended; the Job controller would but write their status.
      api.stopControllers();
      return await measured(api, contestant, children, jobs);
    } finally {
      await Promise.all(children.map(stop));
    }
  } finally {
    await api.close();
  }
}
