/** What the store's process tells of the S3 server and of its volume. */
import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import type { Answered } from './access-log.ts';

export interface Subject {
  readonly volume: string;
  /** Undefined where the S3 server answers. */
  readonly notWell: () => Promise<string | undefined>;
}

/** By the rest of its name, what is told of a volume. Free is what those may take who are not root. */
const facts: Readonly<Record<string, readonly [help: string, read: (volume: StatsFs) => number]>> = {
  bytes: ['Bytes of the file system that the volume is on.', ({ blocks, frsize }) => blocks * frsize],
  free_bytes: ['Bytes of it that can still be written.', ({ bavail, frsize }) => bavail * frsize],
  inodes: ['Files and folders that it has room for; 0 where it does not count them.', ({ files }) => files],
  free_inodes: ['Files and folders that can still be made.', ({ ffree }) => ffree],
};

/** One call for those who ask while it is under way: a volume that hangs holds one thread, not all. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () =>
    (asked ??= ask().finally(() => {
      asked = undefined;
    }));
}

function volumeMetrics(registry: Registry, path: string): void {
  const look = shared(() => statfs(path).catch(() => undefined));
  for (const [name, [help, read]] of Object.entries(facts)) {
    const gauge = new Gauge({
      ...{ name: `limbeck_store_volume_${name}`, help, registers: [registry] },
      async collect() {
        const volume = await look();
        if (volume === undefined) gauge.remove();
        else gauge.set(read(volume));
      },
    });
  }
}

/** Registers them. The result counts a request. */
export function storeMetrics(registry: Registry, { volume, notWell }: Subject): (answered: Answered) => void {
  const registers = [registry];
  volumeMetrics(registry, volume);
  const up = new Gauge({
    ...{ name: 'limbeck_store_up', help: 'Whether the S3 server answers: 1 or 0.', registers },
    async collect() {
      up.set((await notWell()) === undefined ? 1 : 0);
    },
  });
  const requests = new Counter({
    name: 'limbeck_store_requests_total',
    help: 'Requests answered, by operation of S3 and status code; 200 stands for every success.',
    ...{ labelNames: ['operation', 'code'] as const, registers },
  });
  const seconds = new Histogram({
    name: 'limbeck_store_request_seconds',
    help: 'Seconds until the answer began, in whole milliseconds; what is written counts with its bytes, what is read without.',
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    ...{ labelNames: ['operation'] as const, registers },
  });
  return ({ operation, code, seconds: took }) => {
    requests.inc({ operation, code });
    seconds.observe({ operation }, took);
  };
}
