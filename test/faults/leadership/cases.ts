/** What befalls the one who leads, and how it must end. */
import type { Cluster } from '../../../operator/kernel/cluster.ts';
import { leases } from '../../../operator/kernel/lease.ts';
import { pause, until } from '../until.ts';
import type { Candidate, Oddity } from './candidate.ts';

const never = new AbortController().signal;

/** The one who leads, the one who waits to, and what a deed may wait for. */
export interface Scene {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly leader: Candidate;
  readonly successor: Candidate;
  readonly takenOver: Promise<void>;
  /** The user made some more, and whoever watches has heard of them. */
  readonly moreJobs: () => Promise<void>;
  /** What went before was to prepare it: the time of the takeover counts from now. */
  readonly strikes: () => void;
}
/** False: the machine was too busy for what was meant to befall the leader. */
export type Deed = (scene: Scene) => Promise<boolean>;

/** How the leader ended, or that it did not: a leader without its lease must end by itself. */
export async function endOf(leader: Candidate): Promise<unknown> {
  let end: unknown = 'it lives on';
  void leader.ended.then((how) => (end = how));
  await until('it ends', () => Promise.resolve(end !== 'it lives on')).catch(() => undefined);
  return end;
}

const signal =
  (name: NodeJS.Signals): Deed =>
  ({ leader }) => {
    return Promise.resolve(leader.process.kill(name));
  };

/** Somebody's webhook holds up what it has on the way, which it must wait for. */
const endBehindAWrite: Deed = async ({ leader, takenOver, moreJobs, strikes }) => {
  const arrive = leader.proxy.holdWrites();
  await moreJobs();
  strikes();
  leader.process.kill('SIGTERM');
  await Promise.all([takenOver, endOf(leader)]);
  return arrive() > 0;
};

const stopFor20Seconds: Deed = async ({ leader, takenOver }) => {
  leader.process.kill('SIGSTOP');
  await Promise.all([pause(20_000), takenOver]);
  return leader.process.kill('SIGCONT');
};

const partition: Deed = ({ leader }) => {
  leader.proxy.partition('leases');
  return Promise.resolve(true);
};

/** Somebody would help by taking the lease away, while its holder does not hear of it and goes on. */
const deleteLease: Deed = async ({ cluster, namespace, leader }) => {
  leader.proxy.partition('leases');
  const { items } = await cluster.list(leases, { namespace }, never);
  const [lease] = items;
  if (lease === undefined) throw new Error('nobody holds a lease');
  await cluster.remove({ resource: leases, key: { namespace, name: lease.metadata.name } }, never);
  return true;
};

/**
 * Wakes in the midst of a pass, with a write to come before any timer, and the other one leads. That one's writes are
 * held meanwhile: what the old leader writes is then new, and would be stored.
 */
const standStill: Deed = async ({ leader, successor, takenOver }) => {
  const begin = successor.proxy.holdWrites();
  leader.process.kill('SIGUSR2');
  await takenOver;
  await leader.wake();
  await endOf(leader);
  begin();
  return true;
};

/** Nothing ends this one: it hears of jobs, and has writes on the way which arrive when the other one leads. */
const neverEnd: Deed = async ({ leader, successor, takenOver, moreJobs }) => {
  const arrive = leader.proxy.holdWrites();
  const begin = successor.proxy.holdWrites();
  leader.process.kill('SIGUSR2');
  await takenOver;
  await moreJobs();
  const onTheWay = arrive();
  await moreJobs();
  begin();
  leader.process.kill('SIGKILL');
  return onTheWay > 0;
};

export interface Case extends Oddity {
  readonly befell: string;
  readonly deed: Deed;
  /** How the leader ends: an exit code, or a signal that the deed sent. */
  readonly end: unknown;
  readonly goalSeconds?: number;
  /** What is rightly made twice. */
  readonly again?: readonly string[];
}

const killed: Case = { befell: 'it is killed', deed: signal('SIGKILL'), end: 'SIGKILL', goalSeconds: 20 };
const askedToEnd: Case = { befell: 'it is asked to end', deed: signal('SIGTERM'), end: 0, goalSeconds: 5 };
/** A write may be on the way for as long as the lease allows. */
const heldUp: Case = {
  befell: 'it is asked to end while its writes are held up',
  ...{ deed: endBehindAWrite, end: 0, goalSeconds: 20 },
};
const stopped: Case = { befell: 'it is stopped for 20 s and goes on', deed: stopFor20Seconds, end: 1 };
const cutOff: Case = { befell: 'it no longer reaches the lease', deed: partition, end: 1 };
const deprived: Case = {
  befell: 'it no longer reaches the lease, which is deleted',
  ...{ deed: deleteLease, end: 1, again: ['create leases/limbeck-operator'] },
};
const between: Case = {
  befell: 'it stands still between two writes until the other leads',
  ...{ deed: standStill, mishap: 'between two writes', end: 1 },
};
const beforeSending: Case = {
  befell: 'it stands still before a write is sent until the other leads',
  ...{ deed: standStill, mishap: 'before a write is sent', end: 1 },
};
const unending: Case = {
  befell: 'no timer fires, and its writes are on the way until the other leads',
  ...{ deed: neverEnd, mishap: 'no timer fires', end: 'SIGKILL' },
};
export const everyCase = [
  ...[killed, askedToEnd, heldUp, stopped, cutOff, deprived],
  ...[between, beforeSending, unending],
];
export const sampled = [killed, askedToEnd, beforeSending, unending];

const withoutFence = (one: Case): Case => ({ ...one, befell: `${one.befell}; without a fence`, fence: 'none' });
const askedOnce: Case = { ...beforeSending, befell: `${beforeSending.befell}; asked once`, fence: 'asked once' };
export const everyCaught = [withoutFence(between), askedOnce, withoutFence(unending)];
export const sampledCaught = [withoutFence(unending)];
