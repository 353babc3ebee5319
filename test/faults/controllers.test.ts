import { expect, test } from '@jest/globals';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { referenceQuietMs } from './controllers.ts';

const job = (condition: string, status = 'True'): KubeObject & { readonly status: object } => ({
  ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'a1', uid: 'job' } },
  status: { conditions: [{ type: condition, status }] },
});

const pod = (phase: string, owner = 'job'): KubeObject & { readonly status: object } => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a1-0',
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'a1', uid: owner, controller: true }],
  },
  status: { phase },
});

test.each([
  ['a pod that runs, of a Job that has failed', [job('Failed'), pod('Running')], 30_000],
  ['a pod that is to run, of a Job that is about to', [job('FailureTarget'), pod('Pending')], 30_000],
  [
    'a pod that has failed, of a Job that does not know it yet',
    [job('Suspended'), pod('Running'), pod('Failed')],
    30_000,
  ],
  ['a pod that has ended', [job('Failed'), pod('Failed'), pod('Succeeded')], 4000],
  ['a pod of a Job that goes on', [job('Suspended'), pod('Running')], 4000],
  ['a pod of a Job that has not failed', [job('Failed', 'False'), pod('Running')], 4000],
  ['a pod of another Job', [job('Failed'), pod('Running', 'other')], 4000],
])('how long a reference must be quiet: %s', (_what, objects, expected) => {
  expect(referenceQuietMs(objects)).toBe(expected);
});
