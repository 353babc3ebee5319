/**
 * Two real operator processes and a user who never stops: whatever befalls the leader, the other one takes over, nobody
 * writes without the lease, and every job gets its children once.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { batchJobs, trainingJobs, type TrainingJob } from '../../../operator/api/resources.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { createNamespace, removeNamespace } from '../../support/cluster-scoped.ts';
import { teacherJob } from '../../support/runs.ts';
import { openLaboratory, type OpenLaboratory } from '../laboratory.ts';
import { Trace } from '../trace.ts';
import { pause, until } from '../until.ts';
import { startCandidate, type Candidate, type Candidacy } from './candidate.ts';
import { released, reignsOf, usurpations } from './reign.ts';

const never = new AbortController().signal;
const jobsAfter = 10;
const takeovers: { befell: string; seconds: number }[] = [];

let laboratory: OpenLaboratory;
beforeAll(async () => {
  laboratory = await openLaboratory();
}, 300_000);
afterAll(async () => {
  await laboratory.close();
  await mkdir('build/faults', { recursive: true });
  await writeFile('build/faults/leadership.json', `${JSON.stringify(takeovers, undefined, 2)}\n`);
}, 300_000);

/** Creates jobs one after the other, until told to stop and then a few more; how many it made. */
async function keepCreating(namespace: string, until_: { stop: boolean }): Promise<number> {
  let made = 0;
  for (let left = jobsAfter; left > 0; left -= until_.stop ? 1 : 0) {
    made += 1;
    const { apiVersion, kind, spec } = teacherJob({
      distribution: { workers: 1, processesPerWorker: 1, strategy: 'auto' },
    });
    const metadata = { name: `job-${String(made)}`, namespace };
    const job: KubeObject & Pick<TrainingJob, 'spec'> = { apiVersion, kind, metadata, spec };
    await laboratory.cluster.create(trainingJobs, job, never);
    // On a busy machine a takeover lasts longer, and a backlog of thousands proves no more than one of dozens.
    await pause(500);
  }
  return made;
}

async function areAllTaken(namespace: string, made: number): Promise<boolean> {
  const { items } = await laboratory.cluster.list(trainingJobs, { namespace }, never);
  const jobs = await laboratory.cluster.list(batchJobs, { namespace }, never);
  const isTaken = ({ status }: TrainingJob): boolean => status?.attempts?.length === 1;
  return items.length === made && items.every(isTaken) && jobs.items.length === made;
}

type Deed = (leader: Candidate) => Promise<void>;
const signal =
  (name: NodeJS.Signals): Deed =>
  (leader) => {
    leader.process.kill(name);
    return Promise.resolve();
  };

const partition: Deed = (leader) => {
  leader.proxy.partition('leases');
  return Promise.resolve();
};

const deeds: readonly (readonly [string, Deed, unknown])[] = [
  ['it is killed', signal('SIGKILL'), 'SIGKILL'],
  ['it is asked to end', signal('SIGTERM'), 0],
  [
    'it is stopped for 20 s and goes on',
    async (leader) => {
      leader.process.kill('SIGSTOP');
      await pause(20_000);
      leader.process.kill('SIGCONT');
    },
    1,
  ],
  ['its event loop is blocked for 20 s', signal('SIGUSR2'), 1],
  ['it no longer reaches the lease', partition, 1],
];

/** How the leader ended, or that it did not: a leader without its lease must end by itself. */
async function endOf(leader: Candidate): Promise<unknown> {
  let end: unknown;
  void leader.ended.then((how) => (end = how));
  await until('it ends', () => Promise.resolve(end !== undefined)).catch(() => (end = 'it lives on'));
  return end;
}

async function livesThrough(befell: string, deed: Deed): Promise<{ trace: Trace; first: Candidate; end: unknown }> {
  const namespace = `leaders-${randomUUID().slice(0, 8)}`;
  const candidacy: Candidacy = { laboratory, namespace, trace: new Trace() };
  const { trace } = candidacy;
  await createNamespace(laboratory.cluster, namespace);
  const first = await startCandidate(candidacy, 1);
  await until('the first leads', () => Promise.resolve(reignsOf(trace).length === 1));
  const second = await startCandidate(candidacy, 2);
  try {
    const user = { stop: false };
    const creating = keepCreating(namespace, user);
    await until('writes are under way', () => Promise.resolve(trace.writes > 30));
    const beganMs = performance.now();
    const [end] = await Promise.all([
      endOf(first),
      deed(first),
      until('the other leads', () => Promise.resolve(reignsOf(trace).length === 2)),
    ]);
    takeovers.push({ befell, seconds: (reignsOf(trace)[1]!.sinceMs - beganMs) / 1000 });
    user.stop = true;
    const made = await creating;
    await until('all jobs are taken', () => areAllTaken(namespace, made), { everyMs: 1000 });
    return { trace, first, end };
  } finally {
    await Promise.all([first.stop(), second.stop()]);
    await removeNamespace(laboratory.cluster, namespace);
  }
}

/** In a sample the first three. */
const tried = process.env['LIMBECK_FAULTS'] === 'all' ? deeds : deeds.slice(0, 3);

describe('the other process takes over when of the leader', () => {
  test.concurrent.each(tried)(
    '%s',
    async (befell, deed, expectedEnd) => {
      const { trace, first, end } = await livesThrough(befell, deed);
      expect(end).toBe(expectedEnd);
      expect(usurpations(trace)).toEqual([]);
      expect(reignsOf(trace).map(({ instance }) => instance)).toEqual([1, 2]);
      // Only who is asked gives the lease back; the others let it run out.
      expect(released(trace, first.instance)).toBe(expectedEnd === 0);
      const twice = Object.entries(trace.creationsAndDeletions()).filter(([, times]) => times !== 1);
      expect(twice).toEqual([]);
    },
    900_000,
  );
});
