/** The two operators, each as a process of its own, and how to read what they count. */
import { execFile, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { buildFolder } from '../cache.ts';
import { sleep, until } from './api-server.ts';
import { assertRuns, started, stop } from './processes.ts';
import { Scrape, type Between } from './scrape.ts';

const run = promisify(execFile);

/** Concurrent passes, on both sides. */
export const workers = 8;

/** Of the waits in the queue, in seconds: the bounds that both histograms have; controller-runtime's are fixed. */
const sharedBounds = [0.001, 0.1, 1, 10];

export interface Side {
  readonly name: 'limbeck' | 'reference';
  readonly start: (port: number) => ChildProcess;
  readonly leads: (scrape: Scrape) => boolean;
  readonly passes: (scrape: Scrape) => number;
  readonly queued: (scrape: Scrape) => number;
  /** Single objects asked of the API server, beside its lists and watches and the lease. */
  readonly gets: (scrape: Scrape) => number;
  /** Events written; the API server counts them together with those of the controllers. */
  readonly events: (scrape: Scrape) => number;
  readonly waitedP99Seconds: (scrape: Scrape, before?: Scrape) => Between;
}

export interface Running {
  readonly child: ChildProcess;
  readonly startedAt: number;
  readonly scrape: () => Promise<Scrape>;
  readonly stop: () => Promise<void>;
}

/** Starts one and waits until it leads. */
export async function startSide(side: Side, port: number): Promise<Running> {
  const startedAt = performance.now();
  const child = side.start(port);
  const scrape = async (): Promise<Scrape> => {
    assertRuns(side.name, child);
    return new Scrape(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  };
  const leads = async (): Promise<boolean> => {
    assertRuns(side.name, child);
    return side.leads(await scrape().catch(() => new Scrape('')));
  };
  await until(`${side.name} leads`, 120_000, leads, 50);
  return { child, startedAt, scrape, stop: () => stop(child) };
}

/** Waits until it has made no pass for two seconds and nothing is queued. Returns when the last one was over. */
export async function quiet(side: Side, { scrape }: Running, limitMs: number): Promise<number> {
  const end = performance.now() + limitMs;
  let last = -1;
  let since = performance.now();
  while (performance.now() - since < 2000) {
    if (performance.now() > end) throw new Error(`${side.name} does not come to rest`);
    const found = await scrape();
    const passes = side.passes(found);
    if (passes !== last || side.queued(found) > 0) since = performance.now();
    last = passes;
    await sleep(100);
  }
  return since;
}

const settings = {
  images: { trainer: 'bench.invalid/trainer:1', server: 'bench.invalid/server:1' },
  store: { uri: 's3://limbeck', secretName: 'limbeck-store' },
  gateway: { service: 'limbeck-gateway', namespace: 'default' },
  gpuProfiles: { cpu: {} },
};

/** As the chart sizes the heap under its memory limit of 512Mi; on a machine without a limit Node takes what there is. */
const heap = ['--max-old-space-size=384', '--max-semi-space-size=1'];

const ours = { reconciler: 'trainingjob' };

/** Limbeck's operator, as the image has it. */
export async function limbeck(): Promise<Side> {
  await run(process.execPath, ['cluster/bundle.ts']);
  mkdirSync(buildFolder, { recursive: true });
  const config = join(buildFolder, 'operator.yaml');
  writeFileSync(config, stringify(settings));
  return {
    name: 'limbeck',
    start: (port) =>
      started(process.execPath, [...heap, 'build/dist/operator.mjs'], {
        ...process.env,
        ...{ LIMBECK_CONFIG: config, LIMBECK_ADMIN_PORT: String(port), POD_NAMESPACE: 'default', POD_NAME: 'bench' },
      }),
    leads: (scrape) => scrape.sum('limbeck_leader') === 1,
    passes: (scrape) => scrape.sum('limbeck_reconciles_total'),
    queued: (scrape) => scrape.sum('limbeck_queue_depth'),
    gets: (scrape) => scrape.sum('limbeck_api_requests_total', { verb: 'get', resource: /^(?!leases)/ }),
    events: (scrape) => scrape.sum('limbeck_api_requests_total', { verb: 'create', resource: 'events' }),
    waitedP99Seconds: (scrape, before) =>
      scrape.quantile('limbeck_queue_wait_seconds', 0.99, { labels: ours, before, bounds: sharedBounds }),
  };
}

/** Built once for each version of its source. */
async function builtReference(): Promise<string> {
  const source = 'bench/operator/reference';
  const digest = createHash('sha256');
  for (const file of readdirSync(source).sort()) digest.update(readFileSync(join(source, file)));
  const folder = join(buildFolder, `reference-${digest.digest('hex').slice(0, 12)}`);
  const program = join(folder, 'reference');
  if (existsSync(program)) return program;
  console.log('building the reference, about two minutes the first time');
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' };
  mkdirSync(folder, { recursive: true });
  await run('go', ['build', '-ldflags=-s -w', '-o', `${program}.new`, '.'], { cwd: source, env });
  renameSync(`${program}.new`, program);
  return program;
}

const controller = { controller: 'trainingjob' };

/** What one writes with controller-runtime for the same kinds; see reference/. */
export async function reference(): Promise<Side> {
  const program = await builtReference();
  const label = { name: 'trainingjob' };
  return {
    name: 'reference',
    start: (port) =>
      started(program, ['-workers', String(workers), '-metrics-address', `127.0.0.1:${port}`], process.env),
    leads: (scrape) => scrape.sum('leader_election_master_status') === 1,
    passes: (scrape) => scrape.sum('controller_runtime_reconcile_total', controller),
    queued: (scrape) => scrape.sum('workqueue_depth', label),
    // It reads from its cache alone.
    gets: () => 0,
    // It says none, which is fewer writes for it.
    events: () => 0,
    waitedP99Seconds: (scrape, before) =>
      scrape.quantile('workqueue_queue_duration_seconds', 0.99, { labels: label, before, bounds: sharedBounds }),
  };
}
