import { describe, expect, test } from '@jest/globals';
import {
  heldBy,
  leaseDeadlineMs,
  leases,
  missed,
  released,
  sighted,
  stepOf,
  type Lease,
  type LeaseSpec,
} from '../../../operator/kernel/lease.ts';

const lease = (spec: LeaseSpec, resourceVersion = '1'): Lease => ({
  apiVersion: leases.apiVersion,
  kind: leases.kind,
  metadata: { name: 'operator', namespace: 'limbeck', resourceVersion },
  spec,
});
const other: LeaseSpec = { holderIdentity: 'other', leaseDurationSeconds: 15, leaseTransitions: 3 };

const me = { identity: 'me', leaseSeconds: 15 };

describe('stepOf', () => {
  test.each<[string, LeaseSpec, number, string]>([
    ['waits while another holds', other, 14_999, 'wait'],
    ['takes what stood still for its own duration', other, 15_000, 'take'],
    ['takes what was released, at once', { ...other, holderIdentity: '', leaseDurationSeconds: 1 }, 0, 'take'],
    [
      'waits where somebody else emptied the name: its holder goes on',
      { ...other, holderIdentity: '' },
      14_999,
      'wait',
    ],
    ['and takes it after that', { ...other, holderIdentity: '' }, 15_000, 'take'],
    [
      'waits for as long as our own lasts where somebody has shortened it',
      { ...other, leaseDurationSeconds: 1 },
      14_999,
      'wait',
    ],
    ['and takes it after that', { ...other, leaseDurationSeconds: 1 }, 15_000, 'take'],
    ['waits as long where it has no duration', { holderIdentity: 'other' }, 14_999, 'wait'],
    ['and takes it after that', { holderIdentity: 'other' }, 15_000, 'take'],
    ['waits for a longer one than our own', { ...other, leaseDurationSeconds: 60 }, 59_999, 'wait'],
    [
      'waits an hour at most, whatever duration somebody wrote',
      { ...other, leaseDurationSeconds: 2 ** 31 - 1 },
      3_599_999,
      'wait',
    ],
    ['and takes it after that', { ...other, leaseDurationSeconds: 2 ** 31 - 1 }, 3_600_000, 'take'],
    ['renews its own, however old', { ...other, holderIdentity: 'me' }, 99_999, 'renew'],
  ])('%s', (_, spec, nowMs, expected) => {
    expect(stepOf({ lease: lease(spec), changedAtMs: 0 }, me, nowMs)).toBe(expected);
  });
});

describe('a lease that was deleted', () => {
  const seenAtMs = 100;
  const goneAt = (spec: LeaseSpec, nowMs: number) => missed({ lease: lease(spec), changedAtMs: seenAtMs }, nowMs);

  test.each<[string, LeaseSpec, number, string]>([
    ['is not followed while its holder may still write', other, 15_999, 'wait'],
    ['is created once that time is over', other, 16_000, 'create'],
    [
      'is created at once where it was released',
      { ...other, holderIdentity: '', leaseDurationSeconds: 1 },
      1000,
      'create',
    ],
    ['is created again by its holder', { ...other, holderIdentity: 'me' }, 1000, 'create'],
  ])('%s', (_, spec, nowMs, expected) => {
    expect(stepOf(goneAt(spec, 1000), me, nowMs)).toBe(expected);
  });

  test('counts from the first look that missed it: until then it may have been renewed', () => {
    const first = goneAt(other, 1000);
    expect([first.changedAtMs, missed(first, 3000)]).toEqual([1000, first]);
  });

  test.each([
    [15_999, 'wait'],
    [16_000, 'create'],
  ])('cannot be told from one that never was: at %d ms, who has seen none does this: %s', (nowMs, expected) => {
    expect(stepOf(missed(missed(undefined, 1000), 9000), me, nowMs)).toBe(expected);
  });

  test('counts anew when it is back', () => {
    expect(sighted(lease(other, '2'), goneAt(other, 1000), 5000)).toEqual({
      lease: lease(other, '2'),
      changedAtMs: 5000,
    });
  });
});

describe('sighted', () => {
  test('counts from the first sight of a version, whatever the times inside say', () => {
    const first = sighted(lease(other, '1'), undefined, 100);
    expect(sighted(lease(other, '1'), first, 500).changedAtMs).toBe(100);
    expect(sighted(lease(other, '2'), first, 500).changedAtMs).toBe(500);
  });
});

describe('heldBy', () => {
  const now = new Date('2026-01-01T00:00:00.123Z');
  test('has six digits and counts changes of hands only', () => {
    const fresh = heldBy('me', undefined, 15, now);
    expect(fresh).toEqual({
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.123000Z',
      renewTime: '2026-01-01T00:00:00.123000Z',
      leaseTransitions: 0,
    });
    const later = heldBy('me', fresh, 15, new Date('2026-01-01T00:00:02Z'));
    expect(later).toMatchObject({
      acquireTime: fresh.acquireTime,
      renewTime: '2026-01-01T00:00:02.000000Z',
      leaseTransitions: 0,
    });
    expect(heldBy('me', other, 15, now).leaseTransitions).toBe(4);
    const most = 2 ** 31 - 1;
    expect(heldBy('me', { ...other, leaseTransitions: most }, 15, now).leaseTransitions).toBe(most);
  });

  test('a released lease invites the next one', () => {
    expect(released(other, now)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 3 });
  });
});

test.each([
  [10, 5000],
  [15, 7500],
  [3, 1500],
  [1, 1000],
])('with %d s to renew, a request about the lease may take %d ms', (renewDeadlineSeconds, deadlineMs) => {
  expect(leaseDeadlineMs({ renewDeadlineSeconds })).toBe(deadlineMs);
});
