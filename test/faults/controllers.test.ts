import { expect, test } from '@jest/globals';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { haveToAct } from './controllers.ts';

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
  ['a pod that runs, of a Job that has failed', [job('Failed'), pod('Running')], true],
  ['a pod that is to run, of a Job that is about to', [job('FailureTarget'), pod('Pending')], true],
  ['a pod that has ended', [job('Failed'), pod('Failed'), pod('Succeeded')], false],
  ['a pod of a Job that goes on', [job('Suspended'), pod('Running')], false],
  ['a pod of a Job that has not failed', [job('Failed', 'False'), pod('Running')], false],
  ['a pod of another Job', [job('Failed'), pod('Running', 'other')], false],
])('controllers have to act, or not: %s', (_what, objects, expected) => {
  expect(haveToAct(objects)).toBe(expected);
});
