import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import type { Observed } from '../../../operator/serving/reconciler.ts';
import { deployed, distillation, noRoomStatus, planned, pod, readyStatus, seen, service } from './support.ts';

const revision = deployed(seen()).metadata.annotations!['limbeck.dev/revision']!;
const verified = service({}, { status: { verifiedRevision: revision } });
const loading = pod('new', revision, { phase: 'Running' });
const byJob = service({ model: { distillationJob: { name: 'student' } } });
const failedJob = distillation({ phase: 'Failed', conditions: [{ type: 'Succeeded', message: 'out of memory' }] });

const says = (reason: string, name = 'new') => new Map([[name, { reason, message: 'so it is' }]]);
const container = (status: object): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'server', ...status }],
});
const crashed = (restartCount: number, more: object = {}): Pod =>
  pod('new', revision, container({ restartCount, lastState: { terminated: { exitCode: 1, ...more } } }));
const backingOff = { restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } };
const injected = pod('new', revision, { phase: 'Pending', initContainerStatuses: [{ name: 'vault', ...backingOff }] });
const waiting = (reason: string): Pod => pod('new', revision, container({ state: { waiting: { reason } } }));

const refusalOf = (more: Partial<Observed>) => planned(seen(more)).status.refusal;

type Case = [string, Partial<Observed>];

describe('requests are refused at once, with reason and remedy, when no replica would come', () => {
  test.each<[...Case, string, RegExp]>([
    [
      'the job failed',
      { service: byJob, job: failedJob },
      'ModelFailed',
      /out of memory; name another model, or delete/,
    ],
    [
      'no such profile',
      { service: service({ placement: { ...service().spec.placement, gpuProfiles: ['tpu'] } }) },
      'ProfileUnknown',
      /tpu/,
    ],
  ])('and it does not mend itself: %s', (_, more, reason, message) => {
    expect(refusalOf(more)).toEqual({ reason, message: expect.stringMatching(message) });
  });

  test.each<[...Case, string, RegExp]>([
    [
      'digest',
      { pods: [loading], loadFailures: says('DigestMismatch') },
      'LoadFailed',
      /^pod new: .*; put the file of/,
    ],
    ['manifest', { pods: [loading], loadFailures: says('ManifestInvalid') }, 'LoadFailed', /; put a manifest/],
    ['no model', { pods: [loading], loadFailures: says('LoadFailed') }, 'LoadFailed', /; put a model/],
    ['crashes', { pods: [crashed(3)] }, 'CrashLooping', /exit code 1; its log/],
    ['memory', { pods: [crashed(3, { reason: 'OOMKilled' })] }, 'OutOfMemory', /; raise spec\.placement/],
    ['image name', { pods: [waiting('InvalidImageName')] }, 'ImagePull', /; mend the image's name/],
    [
      "somebody else's container",
      { pods: [injected] },
      'CannotStart',
      /^(?!.*mend what.*mend what).* container vault,/,
    ],
    [
      'it answered once, and cannot be loaded any more',
      { service: verified, pods: [loading], loadFailures: says('DigestMismatch') },
      'LoadFailed',
      /DigestMismatch/,
    ],
    [
      'one is bad and the other finds no room',
      { pods: [loading, pod('b', revision, noRoomStatus)], loadFailures: says('DigestMismatch') },
      'LoadFailed',
      /DigestMismatch/,
    ],
    [
      'the former revision never answered either',
      { pods: [loading, pod('old', 'former', {})], loadFailures: says('DigestMismatch') },
      'LoadFailed',
      /DigestMismatch/,
    ],
  ])('and it is looked at again: %s', (_, more, reason, message) => {
    const said = refusalOf(more);
    expect(said).toEqual({ reason, message: expect.stringMatching(message), retryAfterSeconds: expect.any(Number) });
  });
});

describe('requests are held, or answered, when a replica may come by itself', () => {
  test.each<Case>([
    ['the first start', {}],
    ['a replica that loads', { pods: [loading] }],
    ['the artefact is not there yet', { pods: [loading], loadFailures: says('ArtefactMissing') }],
    ['the store does not answer', { pods: [loading], loadFailures: says('StoreUnavailable') }],
    ['dead workers are being restarted', { service: verified, pods: [loading], loadFailures: says('WorkersDied') }],
    ['the job is not there yet', { service: byJob }],
    ['the job is running', { service: byJob, job: distillation({ phase: 'Running' }) }],
    ['no node fits', { nodes: [] }],
    ['no room', { pods: [pod('new', revision, noRoomStatus)] }],
    ['an image that may come', { pods: [waiting('ImagePullBackOff')] }],
    ['a Secret that may come', { pods: [waiting('CreateContainerConfigError')] }],
    ['it crashed twice', { pods: [crashed(2)] }],
    ['idle', { service: verified, recommendation: { replicas: 0, reason: '' } }],
    [
      'another replica is on its way, and may find what was mended',
      { pods: [loading, pod('b', revision, { phase: 'Running' })], loadFailures: says('DigestMismatch') },
    ],
    [
      'another replica answers',
      { pods: [loading, pod('b', revision, readyStatus)], loadFailures: says('DigestMismatch') },
    ],
    [
      'a former revision answers',
      { pods: [loading, pod('old', 'former', readyStatus)], loadFailures: says('DigestMismatch') },
    ],
    [
      'a former revision that answered once is there',
      {
        service: service({}, { status: { verifiedRevision: 'former' } }),
        ...{ pods: [loading, pod('old', 'former', {})], loadFailures: says('DigestMismatch') },
      },
    ],
    [
      'the job failed, and a former revision can wake',
      {
        service: { ...byJob, status: { verifiedRevision: revision } },
        ...{ job: failedJob, deployment: deployed(seen()) },
      },
    ],
  ])('%s', (_, more) => {
    expect(refusalOf(more)).toBeUndefined();
  });
});
