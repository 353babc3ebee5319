/** What the tests with Kueue and what prepares them agree on. */
import { Kubectl } from '../../demo/kubectl.ts';

export const namespace = 'limbeck-e2e-kueue';
export const settings = [`store.namespaces={default,${namespace}}`] as const;
export const kubectl = new Kubectl(namespace);

export const queue = 'team';
/** PriorityClass of a job that goes before others. */
export const urgent = 'limbeck-e2e-urgent';
/** Each node of a flavor has it. */
export const nodeLabel = 'kubernetes.io/os';

const kueue = (kind: string, name: string, spec: object): object => ({
  ...{ apiVersion: 'kueue.x-k8s.io/v1beta2', kind, metadata: { name }, spec },
});

/** Quota for one job of two workers; who is more urgent takes the place of who is less. */
export const clusterQueue = (stopPolicy: 'None' | 'HoldAndDrain'): object =>
  kueue('ClusterQueue', queue, {
    ...{ stopPolicy, namespaceSelector: {}, preemption: { withinClusterQueue: 'LowerPriority' } },
    resourceGroups: [
      {
        coveredResources: ['cpu', 'memory'],
        flavors: [
          {
            name: 'linux',
            resources: [
              { name: 'cpu', nominalQuota: '100m' },
              { name: 'memory', nominalQuota: '1Gi' },
            ],
          },
        ],
      },
    ],
  });

export const queues: readonly object[] = [
  kueue('ResourceFlavor', 'linux', { nodeLabels: { [nodeLabel]: 'linux' } }),
  clusterQueue('None'),
  kueue('LocalQueue', queue, { clusterQueue: queue }),
];

export const priority = {
  ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: urgent }, value: 1000 },
  preemptionPolicy: 'Never',
};
