import { expect, test } from '@jest/globals';
import { addressOf, checkpointOf } from '../../../operator/api/checkpoint.ts';

const whole = { step: 40, uri: 's3://limbeck/runs/a1/step-40.pt', sha256: 'a'.repeat(64) };

test.each([
  ['a time', { savedAt: '2026-11-24T12:00:00Z' }, { ...whole, savedAt: '2026-11-24T12:00:00Z' }],
  ['a time that the API server refuses', { savedAt: '2026-02-30T12:00:00Z' }, whole],
  ['a step that is none', { step: -1 }, undefined],
  ['a place elsewhere', { uri: 'file:///tmp/a' }, undefined],
  ['no digest', { sha256: 'a' }, undefined],
])('a checkpoint with %s', (_, more, read) => {
  expect(checkpointOf({ ...whole, ...more })).toEqual(read);
});

test('a place in the store is no longer than the status has room for', () => {
  expect([addressOf('s3://b/c'), addressOf(`s3://${'b'.repeat(1020)}`)]).toEqual(['s3://b/c', undefined]);
});
