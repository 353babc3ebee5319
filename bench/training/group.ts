/**
 * What a group of workers costs and survives, on the cluster of KUBECONFIG, whose one node is this machine:
 * start beside a bare Indexed Job of the same pods, a permanent failure, a killed worker, many jobs with kills at random.
 * `node bench/training/group.ts [ROUNDS] [JOBS] [SEED]`
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import { atMost, conclude, judged } from '../goals.ts';
import { spread, spreadText, type Spread } from '../measure.ts';
import { bareJob, type JobObject } from './bare-job.ts';
import { kubectl, prepare, Seen, trainerIn, trainingJob, until, type PodSeen } from './cluster.ts';

const [rounds = 7, jobs = 20, seed = 1] = process.argv.slice(2).map(Number);
const workers = 2;
const progressPort = 8080;
const endless = { optimization: { epochs: 100_000 }, checkpoint: { everySeconds: 2 }, distribution: { workers } };

const podsOf = (seen: Seen, fits: (pod: PodSeen) => boolean): readonly PodSeen[] =>
  [...seen.pods.values()].filter(fits);

interface Start {
  /** Seconds from the moment in which the object is there to that in which the last of its pods runs. */
  readonly running: number;
  /** Of that, until the Job of the pods is there: the operator's share. */
  readonly jobMade: number;
}

async function start(seen: Seen, key: string, object: unknown, fits: (pod: PodSeen) => boolean): Promise<Start> {
  await kubectl.applyObject(object);
  const runningAtMs = await until(`${key} running`, () => {
    const running = podsOf(seen, fits).flatMap(({ runningAtMs: at }) => at ?? []);
    return running.length === workers ? Math.max(...running) : undefined;
  });
  const addedAt = (which: string) => until(`${which} being seen`, () => seen.jobs.get(which)?.addedAtMs);
  const [addedAtMs, madeAtMs] = [await addedAt(key), await addedAt(`jobs/${podsOf(seen, fits)[0]?.job ?? ''}`)];
  return { running: (runningAtMs - addedAtMs) / 1000, jobMade: (madeAtMs - addedAtMs) / 1000 };
}

async function clear(seen: Seen, key: string, fits: (pod: PodSeen) => boolean): Promise<void> {
  await kubectl.remove(key.replace('trainingjobs/', 'tj/'));
  await until(`${key} being gone`, () => (podsOf(seen, fits).length === 0 ? true : undefined), 50);
}

/** Ours and the bare one in turn; the first pair warms up and gives the bare one's template. */
async function compareStarts(seen: Seen) {
  const [ours, bare]: [Start[], Start[]] = [[], []];
  let template: JobObject | undefined;
  for (let round = 0; round <= rounds; round += 1) {
    const sides = [
      async () => {
        const name = `ours-${round}`;
        const fits = (pod: PodSeen): boolean => pod.trainingJob === name;
        const took = await start(seen, `trainingjobs/${name}`, trainingJob(name, endless), fits);
        template ??= await bareJob(podsOf(seen, fits)[0]?.job ?? '');
        if (round > 0) ours.push(took);
        await clear(seen, `trainingjobs/${name}`, fits);
      },
      async () => {
        if (template === undefined) return;
        const name = `bare-${round}`;
        const fits = (pod: PodSeen): boolean => pod.job === name;
        const took = await start(seen, `jobs/${name}`, { ...template, metadata: { name } }, fits);
        if (round > 0) bare.push(took);
        await clear(seen, `jobs/${name}`, fits);
      },
    ];
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  const all = (of: (at: number) => number): Spread => spread(ours.map((_, at) => of(at)));
  return {
    ours: all((at) => ours[at]!.running),
    bare: all((at) => bare[at]!.running),
    jobMade: all((at) => ours[at]!.jobMade),
    ratio: all((at) => ours[at]!.running / bare[at]!.running),
  };
}

/** Seconds from the end of the trainer's process until the kubelet says so, and until the job is Failed. */
interface Failure {
  readonly exitSeen: number;
  readonly jobFailed: number;
}

async function failForGood(seen: Seen, name: string): Promise<Failure> {
  const optimization = { optimizer: 'sgd', schedule: 'constant', learningRate: 100, weightDecay: 10, epochs: 5 };
  await kubectl.applyObject(trainingJob(name, { optimization }));
  const pod = await until(
    'a pod',
    () => podsOf(seen, (one) => one.trainingJob === name && one.runningAtMs !== undefined)[0],
  );
  const pid = await until('a trainer', () => trainerIn(pod));
  const endedAtMs = await until('its end', () => (trainerIn(pod) === pid ? undefined : performance.now()), 2);
  const failedAtMs = await until('phase Failed', () => seen.jobs.get(`trainingjobs/${name}`)?.phaseAtMs.get('Failed'));
  const { exitedAtMs = NaN } = seen.pods.get(pod.uid) ?? {};
  const since = (atMs: number): number => (atMs - endedAtMs) / 1000;
  return { exitSeen: since(exitedAtMs), jobFailed: since(failedAtMs) };
}

interface Shown {
  readonly step: number;
  readonly phase: string;
  readonly resumedFromStep?: number;
}

const shownBy = async ({ ip }: PodSeen): Promise<Shown | undefined> => {
  try {
    const answer = await fetch(`http://${ip}:${progressPort}/progress`, { signal: AbortSignal.timeout(2000) });
    return (await answer.json()) as Shown;
  } catch {
    return undefined;
  }
};

interface Loss {
  /** From the kill of a worker to the first step that was not done before. */
  readonly seconds: number;
  /** Steps that were done twice, and how long they had taken. */
  readonly lost: number;
  readonly lostSeconds: number;
}

async function loseWorker(seen: Seen, name: string, victim: 0 | 1): Promise<Loss> {
  await kubectl.applyObject(trainingJob(name, { ...endless, retry: { limit: 3 } }));
  const rank = (attempt: number, index: number): PodSeen | undefined =>
    podsOf(seen, (one) => one.trainingJob === name && one.attempt === attempt && one.ip !== '').find((one) =>
      one.name.includes(`-a${attempt}-${index}-`),
    );
  const both = [await until('rank 0', () => rank(1, 0)), await until('rank 1', () => rank(1, 1))] as const;
  const [leader] = both;
  const isWarm = async () => {
    const { step = 0 } = (await shownBy(leader)) ?? {};
    return step > 100 ? { step, atMs: performance.now() } : undefined;
  };
  const warm = await until('a hundred steps', isWarm, 100);
  await pause(5000);
  // Taken for none, a step that is not told would make any loss one of nothing.
  const { step: before } = await until('the step before the kill', () => shownBy(leader));
  const killedAtMs = performance.now();
  const secondsOfStep = (killedAtMs - warm.atMs) / 1000 / (before - warm.step);
  process.kill(trainerIn(both[victim]) ?? 0, 'SIGKILL');
  const next = await until('rank 0 of the next attempt', () => rank(2, 0));
  const { resumedFromStep = 0 } = await until(
    'a new step',
    async () => {
      const shown = await shownBy(next);
      return shown?.resumedFromStep !== undefined && shown.step > shown.resumedFromStep ? shown : undefined;
    },
    20,
  );
  const seconds = (performance.now() - killedAtMs) / 1000;
  await clear(seen, `trainingjobs/${name}`, (pod) => pod.trainingJob === name);
  const lost = Math.max(0, before - resumedFromStep);
  return { seconds, lost, lostSeconds: lost * secondsOfStep };
}

/** Numbers in [0, 1) that are the same for the same seed. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One job of which workers are killed at random moments, once or twice; how it ended. */
async function survive(seen: Seen, name: string, random: () => number): Promise<TrainingJobStatus> {
  await kubectl.applyObject(
    trainingJob(name, {
      optimization: { epochs: 150 },
      checkpoint: { everySeconds: 1 },
      distribution: { workers },
      retry: { limit: 5 },
    }),
  );
  const isOver = (): boolean => {
    const phases = seen.jobs.get(`trainingjobs/${name}`)?.phaseAtMs;
    return phases?.has('Succeeded') === true || phases?.has('Failed') === true;
  };
  const kills = random() < 0.3 ? 2 : 1;
  for (let kill = 0; kill < kills; kill += 1) {
    const victims = (): readonly PodSeen[] =>
      podsOf(seen, (pod) => pod.trainingJob === name && trainerIn(pod) !== undefined);
    const any = await until('a victim', () => (victims().length > 0 || isOver() ? victims() : undefined), 100);
    await pause(random() * 12_000);
    const victim = victims().at(Math.floor(random() * any.length));
    const pid = victim === undefined ? undefined : trainerIn(victim);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
  await until(`the end of ${name}`, () => (isOver() ? true : undefined), 100);
  return (await kubectl.get<{ status: TrainingJobStatus }>('tj', name))?.status ?? {};
}

async function surviveAll(seen: Seen) {
  const random = randomOf(seed);
  const statuses: TrainingJobStatus[] = [];
  const names = Array.from({ length: jobs }, (_, at) => `hunted-${at}`).values();
  const hunt = async (): Promise<void> => {
    for (const name of names) statuses.push(await survive(seen, name, random));
  };
  await Promise.all([hunt(), hunt(), hunt()]);
  const attempts = statuses.reduce((sum, { attemptCount = 0 }) => sum + attemptCount, 0);
  return { jobs, succeeded: statuses.filter(({ phase }) => phase === 'Succeeded').length, attempts };
}

/** One after the other: each has the machine to itself. */
async function repeated<T>(times: number, run: (index: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let index = 0; index < times; index += 1) results.push(await run(index));
  return results;
}

await prepare();
const seen = new Seen();
try {
  const starts = await compareStarts(seen);
  console.log(
    `apply to all pods running, s: ${spreadText(starts.ours)}, of that until the Job is made ${spreadText(starts.jobMade)}; bare Indexed Job ${spreadText(starts.bare)}, ratio ${spreadText(starts.ratio)}`,
  );
  const failed = await repeated(9, (index) => failForGood(seen, `fails-${index}`));
  const failures = {
    exitSeen: spread(failed.map(({ exitSeen }) => exitSeen)),
    jobFailed: spread(failed.map(({ jobFailed }) => jobFailed)),
  };
  console.log(
    `end of the trainer to phase Failed, s: ${spreadText(failures.jobFailed)}; to the kubelet's word: ${spreadText(failures.exitSeen)}`,
  );
  // Rank 0 alone writes checkpoints: with it goes what was done since the last one.
  const losses = await repeated(6, (index) => loseWorker(seen, `loses-${index}`, index % 2 === 0 ? 1 : 0));
  const recovery = spread(losses.map(({ seconds }) => seconds));
  const [lost, lostSeconds] = [spread(losses.map((one) => one.lost)), spread(losses.map((one) => one.lostSeconds))];
  console.log(
    `worker killed to first new step, s: ${spreadText(recovery)}; steps lost: ${spreadText(lost)}, of ${spreadText(lostSeconds)} s`,
  );
  const survived = await surviveAll(seen);
  console.log(
    `${survived.succeeded} of ${survived.jobs} jobs with kills ended right, in ${survived.attempts} attempts`,
  );
  const goals = [
    atMost(1.05, 'apply to all pods running, beside a bare Job', starts.ratio),
    atMost(1, 'end of the trainer to phase Failed, s', failures.jobFailed),
    atMost(10, 'worker killed to first new step, s', recovery),
    judged('work lost: at most one interval of checkpoints, 2 s', spreadText(lostSeconds), lostSeconds.high <= 2),
    judged(
      'jobs with kills end right',
      `${survived.succeeded} of ${survived.jobs}`,
      survived.succeeded === survived.jobs,
    ),
  ];
  conclude({
    name: 'training-group',
    reference: 'an Indexed Job with the same pods, made by hand',
    ratios: { 'apply to all pods running': starts.ratio },
    ...{ goals, starts, failures, recovery, lost, lostSeconds, survived, seed },
  });
} finally {
  seen.stop();
}
