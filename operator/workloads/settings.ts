/** What the installation decides for every workload; operator/config.ts reads it, the builders are handed it. */
import type { Toleration } from '../api/kubernetes.ts';
import type { Gang } from './pod-group.ts';

/** A way to place a pod. The empty profile is a pod on any node without a GPU. */
export interface GpuProfile {
  /** Extended resource of the device, such as nvidia.com/gpu. */
  readonly resourceName?: string;
  /** Devices in each pod; 1 where only the resource is named. */
  readonly count?: number;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  /** Its nodes are added when pods ask for them: none need be there before. */
  readonly autoscaled?: boolean;
  /** Memory of one device. */
  readonly memoryGiB?: number;
  /** In place of the installation's, such as those with the libraries of the device. */
  readonly images?: { readonly trainer?: string; readonly server?: string };
}

/** Where things are in this installation. */
export interface Settings {
  readonly images: { readonly trainer: string; readonly server: string };
  readonly imagePullPolicy: string;
  /** Bucket of all artefacts, and the Secret of each namespace that holds the AWS_* variables. */
  readonly store: { readonly uri: string; readonly secretName: string };
  readonly gateway: {
    readonly service: string;
    readonly namespace: string;
    readonly port: number;
    readonly adminPort: number;
    /** From the deletion of a gateway's pod to its end, at most. */
    readonly graceSeconds: number;
  };
  readonly clusterDomain: string;
  /** Variables that every model server gets besides those that make it serve its model. */
  readonly serverEnvironment: Readonly<Record<string, string>>;
  /** Who places the pods of trainings; undefined: the cluster's default scheduler. */
  readonly schedulerName?: string;
  /** Whose PodGroups the cluster serves, if anybody's. */
  readonly gang?: Gang;
  readonly gpuProfiles: Readonly<Record<string, GpuProfile>>;
}
