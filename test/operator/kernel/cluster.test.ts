import { FakeCluster } from '../../support/fake-cluster.ts';
import { clusterContract } from '../../support/cluster-contract.ts';

clusterContract(() => Promise.resolve(new FakeCluster()), 'contract');
