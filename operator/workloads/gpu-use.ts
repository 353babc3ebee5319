/**
 * What an attempt that holds GPUs computes on → a condition: with an image that has no CUDA it takes the CPU, holds the GPUs,
 * and ends well. Pure.
 */
import type { Distribution } from '../api/trainer-contract.ts';
import type { ConditionDraft } from '../kernel/objects.ts';
import { profileOf } from './pod-parts.ts';
import type { Attempt, RunCondition } from './run.ts';
import type { Settings } from './settings.ts';

/** Of an attempt, what it says that it computes on. */
export interface DeviceTold {
  readonly attempt: Pick<Attempt, 'profile'> | undefined;
  readonly device: Distribution['device'];
}

/** The condition as it is to be now. What was said stays until an attempt tells something: the next one may run elsewhere. */
export function gpuCondition(
  { attempt, device }: DeviceTold,
  settings: Pick<Settings, 'gpuProfiles'>,
  before: ConditionDraft | undefined,
): ConditionDraft | undefined {
  const name = attempt?.profile;
  const profile = name === undefined ? undefined : profileOf(name, settings);
  if (device === undefined || name === undefined || profile === undefined) return before;
  const { resourceName, count = 1 } = profile;
  if (resourceName === undefined) return undefined;
  return device === 'cpu' ? unused(name, `${String(count)} ${resourceName}`) : used;
}

const used: RunCondition = {
  ...{ type: 'GpuUsed', status: 'True', reason: 'ComputesOnGpu' },
  message: 'The attempt computes on the GPUs that it holds.',
};

function unused(profile: string, held: string): RunCondition {
  const image = `gpuProfiles.${profile}.images.trainer of the installation, or model.custom.image`;
  const message =
    `Each worker holds ${held} by the profile ${profile} and computes on the CPU: PyTorch has no CUDA there, or finds no GPU. ` +
    `Give it an image with CUDA (${image}; docs/training.md), or name a profile without GPUs in a new job.`;
  return { type: 'GpuUsed', status: 'False', reason: 'ComputesOnCpu', message };
}
