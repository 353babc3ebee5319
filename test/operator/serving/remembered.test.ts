import { expect, test } from '@jest/globals';
import type { LoadFailure } from '../../../operator/serving/trouble.ts';
import { rememberedFailure } from '../../../operator/serving/remembered.ts';
import { deployed, planned, pod, readyStatus, seen, stored } from './support.ts';

const revision = deployed(seen()).metadata.annotations!['limbeck.dev/revision']!;
const bad = pod('bad', revision, { phase: 'Running' });
const old = pod('old', 'former', readyStatus);

/** A service with the status that this failure of its replica leads to. */
const after = (failure: LoadFailure, pods = [bad]) => seen({ pods, loadFailures: new Map([['bad', failure]]) });

test.each<[string, LoadFailure, (typeof bad)[]]>([
  [
    'an artefact that is not there',
    { reason: 'ArtefactMissing', message: 's3://limbeck/m is not in the store' },
    [bad],
  ],
  ['another digest', { reason: 'DigestMismatch', message: 'expected a:\nfound b' }, [bad]],
  ['the same beside a former revision', { reason: 'DigestMismatch', message: 'expected a' }, [bad, old]],
])('what a replica said survives the operator, and so does the status: %s', (_, failure, pods) => {
  const before = after(failure, pods);
  const service = stored(before);
  expect(rememberedFailure(service, bad)).toEqual(failure);
  const again = seen({ service, pods, loadFailures: new Map([['bad', rememberedFailure(service, bad)!]]) });
  expect(planned(again).status).toEqual(service.status);
});

test('of another pod, or of another trouble, nothing is remembered', () => {
  const service = stored(after({ reason: 'DigestMismatch', message: 'expected a' }));
  expect(rememberedFailure(service, pod('ba', revision))).toBeUndefined();
  const noImage = {
    containerStatuses: [{ name: 's', state: { waiting: { reason: 'ErrImagePull' } } }],
  };
  expect(rememberedFailure(stored(seen({ pods: [pod('bad', revision, noImage)] })), bad)).toBeUndefined();
  expect(rememberedFailure(seen().service, bad)).toBeUndefined();
});
