/**
 * Two real operator processes and a user who never stops: whatever befalls the leader, the other one takes over, nobody
 * writes without the lease, and every job gets its children once.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { batchJobs, trainingJobs, type TrainingJob } from '../../../operator/api/resources.ts';
import { usualTimes } from '../../../operator/kernel/lease.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { createNamespace, removeNamespace } from '../../support/cluster-scoped.ts';
import { teacherJob } from '../../support/runs.ts';
import type { Takeover } from '../coverage.ts';
import { keep } from '../kept.ts';
import { openLaboratory, type OpenLaboratory } from '../laboratory.ts';
import { rightsMissing } from '../rights.ts';
import { Trace, type Exchange } from '../trace.ts';
import { pause, until } from '../until.ts';
import { startCandidate, type Candidate, type Candidacy } from './candidate.ts';
import { endOf, everyCase, everyCaught, sampled, sampledCaught, type Case, type Scene } from './cases.ts';
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
  await keep('leadership', takeovers);
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

const asksForLease = ({ instance, resource }: Exchange): boolean => instance === 2 && resource === 'leases';

interface Life {
  readonly trace: Trace;
  readonly end: unknown;
  readonly takeover: Takeover;
}

/** The leader leads, the user works, and the other one waits for the lease, its caches synced. */
async function sceneOf(
  candidacy: Candidacy,
  leader: Candidate,
  successor: Candidate,
  user: User,
): Promise<Omit<Scene, 'strikes'>> {
  const { trace, namespace } = candidacy;
  await until('writes are under way', () => Promise.resolve(trace.writes > 30));
  await until('the other waits', () => Promise.resolve(trace.exchanges.some(asksForLease)));
  const takenOver = until('the other leads', () => Promise.resolve(reignsOf(trace).length === 2));
  takenOver.catch(() => undefined);
  const moreJobs = (wanted = user.made + 5): Promise<void> =>
    until('the user made more jobs', () => Promise.resolve(user.made >= wanted));
  return { cluster: laboratory.cluster, namespace, leader, successor, takenOver, moreJobs };
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
    if (hasLostLease(leader, trace) || reignsOf(trace).length > 1) return undefined;
    let beganAt = Date.now();
    const strikes = (): void => void (beganAt = Date.now());
    const [hasBefallen] = await Promise.all([deed({ ...scene, strikes }), scene.takenOver]);
    const seconds = (reignsOf(trace)[1]!.acquiredAt.getTime() - beganAt) / 1000;
    const end = await endOf(leader);
    user.stop = true;
    await creating;
    const isOver = async (): Promise<boolean> =>
      successor.endedAtMs() !== undefined || (await areAllTaken(namespace, user.made));
    await until('all jobs are taken', isOver, { everyMs: 1000 });
    if (hasLostLease(successor, trace) || !hasBefallen) return undefined;
    return { trace, end, takeover: { befell, seconds, goalSeconds, usurpations: usurpations(trace).length } };
  } finally {
    await Promise.all([leader.stop(), successor.stop()]);
    await removeNamespace(laboratory.cluster, namespace);
  }
}

const isAll = process.env['LIMBECK_FAULTS'] === 'all';

/** Beside a sample other suites may run, so that a takeover says nothing of the operator. */
const isInTime = ({ takeover: { seconds, goalSeconds = Infinity } }: Life): boolean => !isAll || seconds <= goalSeconds;

/**
 * Who cannot renew its lease in time ends by itself, as it should, and a takeover may be late on a busy machine: then the
 * scene is set once more.
 */
async function livesThrough(one: Case): Promise<Life> {
  let last: Life | undefined;
  for (let left = 3; left > 0 && (last === undefined || !isInTime(last)); left -= 1) {
    const life = await livesOnce(one);
    if (life !== undefined) takeovers.push(life.takeover);
    last = life ?? last;
  }
  if (last === undefined)
    throw new Error('the machine is too busy for a leader to keep its lease, or for its writes to be on the way');
  return last;
}

const nameOf = (one: Case): [string, Case] => [one.befell, one];
const tried = isAll ? everyCase : sampled;
const caught = isAll ? everyCaught : sampledCaught;
const patienceMs = 900_000;

describe('the other process takes over when of the leader', () => {
  test.concurrent.each(tried.map(nameOf))(
    '%s',
    async (_, one) => {
      const life = await livesThrough(one);
      const { trace, end, takeover } = life;
      expect(isInTime(life) ? 'in time' : `${takeover.seconds.toFixed(1)} s`).toBe('in time');
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

test('nobody has asked for anything that the chart does not allow', async () => {
  expect(laboratory.needed.size).toBeGreaterThan(0);
  expect(await rightsMissing(laboratory.needed)).toEqual([]);
}, 300_000);
