/** The objects of the bench, and a client that makes many of them at once. */
import { trainingJobs } from '../../operator/api/resources.ts';
import { apiVersion } from '../../operator/api/names.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { never, type ApiServer } from './api-server.ts';

/** Requests that our client has under way at a time. */
const atOnce = 16;

/** Runs `each` for every item, so many at a time. */
export async function bounded<T>(items: readonly T[], each: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await each(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** TrainingJobs number `from` to `to` of a namespace; a queue suspends their Jobs. */
interface Made {
  readonly namespace: string;
  readonly from: number;
  readonly to: number;
  readonly workers: number;
  readonly queueName?: string;
}

const trainingJob = (
  { namespace, workers, queueName }: Made,
  name: string,
): KubeObject & { readonly spec: object } => ({
  ...{ apiVersion, kind: 'TrainingJob', metadata: { namespace, name } },
  spec: {
    task: 'classification',
    model: { cnn: { channels: [16, 32], hidden: 64 } },
    data: { source: { builtin: 'digits' }, split: { validation: 0.1, test: 0.2, seed: 7 } },
    optimization: { optimizer: 'adam', learningRate: 0.003, schedule: 'oneCycle', epochs: 40, batchSize: 64, seed: 1 },
    distribution: { workers },
    placement: {
      ...(queueName === undefined ? {} : { queueName }),
      ...{ gpuProfiles: ['cpu'], resources: { requests: { cpu: '1', memory: '1Gi' } } },
    },
  },
});

/** Makes objects of a kind, number `from` to `to`. */
export async function makeMany(
  { cluster }: ApiServer,
  { resource, from, to }: { readonly resource: Resource; readonly from: number; readonly to: number },
  each: (name: string) => KubeObject,
): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await bounded(numbers, (number) => cluster.create(resource, each(`job-${String(number).padStart(5, '0')}`), never));
}

/** Makes TrainingJobs of a namespace. */
export const makeJobs = (api: ApiServer, of: Made): Promise<void> =>
  makeMany(api, { ...of, resource: trainingJobs }, (name) => trainingJob(of, name));
