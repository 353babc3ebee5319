/** Pure: what to do about the Lease, given what it says and how long it has said so by our own clock. */
import { microTime, type KubeObject, type Resource } from './objects.ts';

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  readonly spec: LeaseSpec;
}

export const leases: Resource<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/** Seconds as they stand in the Lease; lease > renew > 1.2 · retry. */
export interface LeaseTimes {
  readonly leaseSeconds: number;
  readonly renewDeadlineSeconds: number;
  readonly retrySeconds: number;
}

export const usualTimes: LeaseTimes = { leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 };

/** Of one request about the Lease: a renewal that hangs leaves time for a second try before the renewal is due. */
export const leaseDeadlineMs = ({ renewDeadlineSeconds }: Pick<LeaseTimes, 'renewDeadlineSeconds'>): number =>
  Math.max(1000, renewDeadlineSeconds * 500);

/** What the local clock knows of the Lease: when its text last changed. Times inside the Lease are never compared. */
export interface Sighting {
  /** Undefined: it was looked for, and was never there. */
  readonly lease: Lease | undefined;
  readonly changedAtMs: number;
  /** It is not there: somebody has deleted it, perhaps, and its holder need not know yet. */
  readonly isGone?: true;
}

export type LeaseStep = 'create' | 'take' | 'renew' | 'wait';

/** Who looks, and the duration of the leases that it writes itself. */
export interface Candidate {
  readonly identity: string;
  readonly leaseSeconds: number;
}

/**
 * A holder's lease has run out once its text has stood still for its duration on our clock; so has one that was
 * deleted, as its holder goes on until it hears of that. Who has never seen one cannot know that there was none, and
 * waits as well: once in the life of an installation.
 */
export function stepOf(sighting: Sighting, { identity, leaseSeconds }: Candidate, nowMs: number): LeaseStep {
  const { spec = {} } = sighting.lease ?? {};
  const isOurs = spec.holderIdentity === identity;
  const isFree = sighting.lease !== undefined && isReleased(spec);
  if (!isOurs && !isFree && leftOf(sighting, leaseSeconds, nowMs) > 0) return 'wait';
  if (sighting.isGone === true) return 'create';
  return isOurs ? 'renew' : 'take';
}

/** As in the configuration: a duration that nobody of ours would write must not keep everybody waiting for years. */
const longestLeaseSeconds = 3600;

/**
 * Milliseconds until the lease runs out if its text stands still; not above 0 when it has, or nobody has looked. It is
 * never taken to be shorter than one of our own: somebody may have shortened it by hand, and its holder, who is of our
 * configuration and cut off from it perhaps, does not know.
 */
export function leftOf(sighting: Sighting | undefined, ownSeconds: number, nowMs: number): number {
  if (sighting === undefined) return 0;
  const stated = sighting.lease?.spec.leaseDurationSeconds ?? 0;
  return sighting.changedAtMs + Math.max(ownSeconds, Math.min(longestLeaseSeconds, stated)) * 1000 - nowMs;
}

/** Keeps the time of the first sight while the version stands still. */
export function sighted(lease: Lease, before: Sighting | undefined, nowMs: number): Sighting {
  const same = before?.lease?.metadata.resourceVersion === lease.metadata.resourceVersion;
  return { lease, changedAtMs: same && before !== undefined ? before.changedAtMs : nowMs };
}

/** After the lease was not found. Its holder may have renewed it until now, and cannot from now on. */
export const missed = (before: Sighting | undefined, nowMs: number): Sighting =>
  before?.isGone === true ? before : { lease: before?.lease, changedAtMs: nowMs, isGone: true };

/** The field has 32 bits. */
const mostTransitions = 2 ** 31 - 1;

/** The spec we write as holder. */
export function heldBy(identity: string, before: LeaseSpec | undefined, leaseSeconds: number, now: Date): LeaseSpec {
  const isOurs = before?.holderIdentity === identity;
  const time = microTime(now);
  return {
    holderIdentity: identity,
    leaseDurationSeconds: leaseSeconds,
    acquireTime: isOurs ? (before.acquireTime ?? time) : time,
    renewTime: time,
    leaseTransitions: Math.min(
      mostTransitions,
      (before?.leaseTransitions ?? 0) + (isOurs || before === undefined ? 0 : 1),
    ),
  };
}

/** Only a holder that gives it back shortens it, here and in client-go; somebody else may have emptied the name alone. */
const isReleased = ({ holderIdentity = '', leaseDurationSeconds = 0 }: LeaseSpec): boolean =>
  holderIdentity === '' && leaseDurationSeconds <= releasedSeconds;

const releasedSeconds = 1;

/** The spec that invites the next candidate at once. */
export const released = (before: LeaseSpec, now: Date): LeaseSpec => ({
  ...before,
  holderIdentity: '',
  leaseDurationSeconds: releasedSeconds,
  renewTime: microTime(now),
});
