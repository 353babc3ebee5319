/**
 * Two real operator processes and a user who never stops: whatever befalls the leader, the other one takes over, nobody
 * writes without the lease, and every job gets its children once.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { batchJobs, trainingJobs, type TrainingJob } from '../../../operator/api/resources.ts';
import { leases, usualTimes } from '../../../operator/kernel/lease.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { createNamespace, removeNamespace } from '../../support/cluster-scoped.ts';
import { teacherJob } from '../../support/runs.ts';
import type { Takeover } from '../coverage.ts';
import { openLaboratory, type OpenLaboratory } from '../laboratory.ts';
import { Trace, type Exchange } from '../trace.ts';
import { pause, until } from '../until.ts';
import { startCandidate, type Candidate, type Candidacy, type Oddity } from './candidate.ts';
import { lastRenewalMs, released, reignsOf, usurpations } from './reign.ts';

const never = new AbortController().signal;
const jobsAfter = 10;
const takeovers: Takeover[] = [];

let laboratory: OpenLaboratory;
beforeAll(async () => {
  laboratory = await openLaboratory();
}, 300_000);
afterAll(async () => {
  await laboratory.close();
  await mkdir('build/faults', { recursive: true });
  await writeFile('build/faults/leadership.json', `${JSON.stringify(takeovers, undefined, 2)}\n`);
}, 300_000);

interface User {
  stop: boolean;
  made: number;
}

/** Creates jobs one after the other, until told to stop and then a few more. */
async function keepCreating(namespace: string, user: User): Promise<void> {
  for (let left = jobsAfter; left > 0; left -= user.stop ? 1 : 0) {
    user.made += 1;
    const { apiVersion, kind, spec } = teacherJob({
      distribution: { workers: 2, processesPerWorker: 1, strategy: 'auto' },
    });
    const metadata = { name: `job-${String(user.made)}`, namespace };
    const job: KubeObject & Pick<TrainingJob, 'spec'> = { apiVersion, kind, metadata, spec };
    await laboratory.cluster.create(trainingJobs, job, never);
    // On a busy machine a takeover lasts longer, and a backlog of thousands proves no more than one of dozens.
    await pause(500);
  }
}

/** Throws with those that are not. */
async function areAllTaken(namespace: string, made: number): Promise<boolean> {
  const { items } = await laboratory.cluster.list(trainingJobs, { namespace }, never);
  const jobs = await laboratory.cluster.list(batchJobs, { namespace }, never);
  const waiting = items.filter(({ status }) => status?.attempts?.length !== 1);
  if (items.length === made && jobs.items.length === made && waiting.length === 0) return true;
  const said = JSON.stringify(waiting.map(({ metadata, status }) => [metadata.name, status]));
  throw new Error(
    `${String(made)} made, ${String(items.length)} there, with ${String(jobs.items.length)} Jobs; ${said}`,
  );
}

/** The one who leads, the one who waits to, and what a deed may wait for. */
interface Scene {
  readonly namespace: string;
  readonly leader: Candidate;
  readonly successor: Candidate;
  readonly takenOver: Promise<void>;
  /** The user made some more, and whoever watches has heard of them. */
  readonly moreJobs: () => Promise<void>;
}
/** False: the machine was too busy for what was meant to befall the leader. */
type Deed = (scene: Scene) => Promise<boolean>;

/** How the leader ended, or that it did not: a leader without its lease must end by itself. */
async function endOf(leader: Candidate): Promise<unknown> {
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
const deleteLease: Deed = async ({ namespace, leader }) => {
  leader.proxy.partition('leases');
  const { items } = await laboratory.cluster.list(leases, { namespace }, never);
  expect(items).toHaveLength(1);
  const key = { namespace, name: items[0]!.metadata.name };
  await laboratory.cluster.remove({ resource: leases, key }, never);
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

interface Case extends Oddity {
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
const withoutFence = (one: Case): Case => ({ ...one, befell: `${one.befell}; without a fence`, fence: 'none' });
const askedOnce: Case = { ...beforeSending, befell: `${beforeSending.befell}; asked once`, fence: 'asked once' };

const asksForLease = ({ instance, resource }: Exchange): boolean => instance === 2 && resource === 'leases';

interface Life {
  readonly trace: Trace;
  readonly end: unknown;
}

/** The leader leads, the user works, and the other one waits for the lease, its caches synced. */
async function sceneOf(candidacy: Candidacy, leader: Candidate, successor: Candidate, user: User): Promise<Scene> {
  const { trace, namespace } = candidacy;
  await until('writes are under way', () => Promise.resolve(trace.writes > 30));
  await until('the other waits', () => Promise.resolve(trace.exchanges.some(asksForLease)));
  const takenOver = until('the other leads', () => Promise.resolve(reignsOf(trace).length === 2));
  takenOver.catch(() => undefined);
  const moreJobs = (wanted = user.made + 5): Promise<void> =>
    until('the user made more jobs', () => Promise.resolve(user.made >= wanted));
  return { namespace, leader, successor, takenOver, moreJobs };
}

/** Here no kubelet starts a process again. One that ends by itself must not have been able to renew its lease. */
function hasLostLease({ instance, endedAtMs }: Candidate, trace: Trace): boolean {
  const atMs = endedAtMs();
  if (atMs === undefined) return false;
  expect(atMs - lastRenewalMs(trace, instance)).toBeGreaterThanOrEqual(900 * usualTimes.renewDeadlineSeconds);
  return true;
}

/** Undefined: the machine was too busy for the leader to keep its lease before anything befell it, or for the other one after it. */
async function livesOnce({ befell, deed, goalSeconds, ...oddity }: Case): Promise<Life | undefined> {
  const namespace = `leaders-${randomUUID().slice(0, 8)}`;
  const candidacy: Candidacy = { laboratory, namespace, trace: new Trace() };
  const { trace } = candidacy;
  await createNamespace(laboratory.cluster, namespace);
  const leader = await startCandidate(candidacy, 1, oddity);
  await until('the first leads', () => Promise.resolve(reignsOf(trace).length === 1));
  const successor = await startCandidate(candidacy, 2);
  try {
    const user = { stop: false, made: 0 };
    const creating = keepCreating(namespace, user);
    // Where it fails sooner, the namespace is taken away under the user's hands.
    creating.catch(() => undefined);
    const scene = await sceneOf(candidacy, leader, successor, user);
    if (leader.process.exitCode !== null || reignsOf(trace).length > 1) return undefined;
    const beganAt = Date.now();
    const [hasBefallen] = await Promise.all([deed(scene), scene.takenOver]);
    const seconds = (reignsOf(trace)[1]!.acquiredAt.getTime() - beganAt) / 1000;
    const end = await endOf(leader);
    user.stop = true;
    await creating;
    const isOver = async (): Promise<boolean> =>
      successor.endedAtMs() !== undefined || (await areAllTaken(namespace, user.made));
    await until('all jobs are taken', isOver, { everyMs: 1000 });
    if (hasLostLease(successor, trace) || !hasBefallen) return undefined;
    takeovers.push({ befell, seconds, goalSeconds, usurpations: usurpations(trace).length });
    return { trace, end };
  } finally {
    await Promise.all([leader.stop(), successor.stop()]);
    await removeNamespace(laboratory.cluster, namespace);
  }
}

/** Who cannot renew its lease in time ends by itself, as it should: then the scene is set once more. */
async function livesThrough(one: Case): Promise<Life> {
  for (let left = 3; left > 0; left -= 1) {
    const life = await livesOnce(one);
    if (life !== undefined) return life;
  }
  throw new Error('the machine is too busy for a leader to keep its lease, or for its writes to be on the way');
}

const isAll = process.env['LIMBECK_FAULTS'] === 'all';
const nameOf = (one: Case): [string, Case] => [one.befell, one];
const tried = isAll
  ? [killed, askedToEnd, stopped, cutOff, deprived, between, beforeSending, unending]
  : [killed, askedToEnd, beforeSending, unending];
const caught = isAll ? [withoutFence(between), askedOnce, withoutFence(unending)] : [withoutFence(unending)];
const patienceMs = 900_000;

describe('the other process takes over when of the leader', () => {
  test.concurrent.each(tried.map(nameOf))(
    '%s',
    async (_, one) => {
      const { trace, end } = await livesThrough(one);
      expect(end).toBe(one.end);
      expect(usurpations(trace)).toEqual([]);
      expect(reignsOf(trace).map(({ instance }) => instance)).toEqual([1, 2]);
      // Only who is asked gives the lease back; the others let it run out.
      expect(released(trace, 1)).toBe(one.end === 0);
      const twice = Object.entries(trace.creationsAndDeletions()).filter(([, times]) => times !== 1);
      expect(twice.map(([what]) => what)).toEqual(one.again ?? []);
    },
    patienceMs,
  );
});

// One by one: more processes at once than above would keep each other from renewing.
describe('a write without the lease would be found: there is one where of the leader', () => {
  test.each(caught.map(nameOf))(
    '%s',
    async (_, one) => {
      const { trace } = await livesThrough(one);
      expect(usurpations(trace)).toContainEqual(expect.stringMatching(/ of 1 in the reign of 2$/));
    },
    patienceMs,
  );
});
