/** The main job, top to bottom: train a teacher, teach a student, serve it, wake it, load it, let it rest. */
import type { DistillationJobStatus, TrainingJobStatus } from '../operator/api/generated.ts';
import type { DistillationJob } from '../operator/api/resources.ts';
import { holdsDevice } from './devices.ts';
import { heldOut, heldOutPod, type HeldOut } from './heldout.ts';
import { follow, measured, trained, type World } from './jobs.ts';
import type { Kubectl, Pod } from './kubectl.ts';
import { atZero, isReady, readyAtLeast, Replicas, timelineOf } from './replicas.ts';
import { restartCounts, Restarts } from './restarts.ts';
import { enoughReplicas, type Summary } from './summary.ts';
import { bodyOf, Client, closedLoop, Tally, type Model, type Prepared } from './traffic.ts';

export interface Stage extends World {
  /** In the namespace of the operator. */
  readonly system: Kubectl;
  readonly gatewayUrl: string;
}

export const chapters = 6;
const [teacherName, studentName, serviceName] = ['digits-teacher', 'digits-student', 'digits'] as const;
const serverPods = `limbeck.dev/model-service=${serviceName}`;

/** Clients of the load: twelve times the target of one replica, so that on a busy machine, too, more are wanted than there may be. */
const loadClients = 24;
/** Samples in each request of the load: enough that the servers have more to do than the clients, who share the machine. */
const loadBatch = 180;
const loadSeconds = 60;
/** How long all replicas go on together after enough are ready. */
const peakSeconds = 6;

/** A node of a cluster of one's own gets the server's image first. */
const firstReadySeconds = 300;

/** What was there of an earlier run. */
export async function clean({ kubectl, progress }: World): Promise<void> {
  const names = [`msvc/${serviceName}`, `dj/${studentName}`, `tj/${teacherName}`, `pod/${heldOutPod}`];
  await progress.during(() => 'removing what an earlier demo left', kubectl.remove(...names));
}

/** kubectl apply, then following the job: its status and how long it took. */
async function runJob<T>(
  { kubectl, now }: Stage,
  file: string,
  followed: () => Promise<T>,
): Promise<{ readonly status: T; readonly seconds: number }> {
  const began = now();
  await kubectl.apply(file);
  const status = await followed();
  return { status, seconds: (now() - began) / 1000 };
}

export async function train(stage: Stage): Promise<Pick<Summary, 'teacher'>> {
  stage.progress.chapter('TrainingJob: a CNN teacher on handwritten digits, two workers, PyTorch DDP');
  const { status, seconds } = await runJob(stage, 'examples/digits/teacher.yaml', () =>
    follow<TrainingJobStatus>(stage, 'tj', teacherName),
  );
  const teacher = trained(status, seconds, 'teacher');
  stage.progress.say(
    `the teacher is right on ${(teacher.accuracy * 100).toFixed(1)} % of ${teacher.n} held-out digits`,
  );
  return { teacher };
}

export async function distil(
  stage: Stage,
): Promise<Pick<Summary, 'student' | 'control'> & { readonly status: DistillationJobStatus }> {
  stage.progress.chapter(
    'DistillationJob: a small student from 100 labels and the unlabelled pool, and once without the teacher',
  );
  const { status, seconds } = await runJob(stage, 'examples/digits/student.yaml', () =>
    follow<DistillationJobStatus>(stage, 'dj', studentName),
  );
  const { teacherAgreement = NaN, gainOverControl = NaN } = status;
  const student = { ...trained(status, seconds, 'student'), teacherAgreement, gainOverControl };
  const control = measured(status.control, 'control');
  stage.progress.say(
    `student ${(student.accuracy * 100).toFixed(1)} %, without the teacher ${(control.accuracy * 100).toFixed(1)} %`,
  );
  return { student, control, status };
}

/** Serves the student; ends when the service is proven ready and rests at zero. Meanwhile the held-out digits are fetched. */
export async function serve(stage: Stage, replicas: Replicas, image: string): Promise<HeldOut> {
  const { kubectl, progress } = stage;
  progress.chapter(
    'ModelService: one replica proves the model by a real inference, then nobody asks and it goes to zero',
  );
  await kubectl.apply('examples/digits/service.yaml');
  replicas.start(kubectl, serviceName);
  const state = (): string => replicas.words;
  await progress.during(state, replicas.must('ready', isReady, firstReadySeconds));
  progress.say('ready; the held-out digits are printed by a pod of the trainer image');
  const job = await kubectl.get<DistillationJob>('dj', studentName);
  if (job === undefined) throw new Error(`${studentName} is gone`);
  const samples = await progress.during(
    () => 'waiting for the held-out digits',
    heldOut(kubectl, image, job.spec.data),
  );
  progress.say(`${samples.y.length} held-out digits; waiting for zero replicas`);
  await progress.during(state, replicas.must('at zero replicas', atZero, 90));
  progress.say('zero replicas, still ready');
  return samples;
}

/** The first request from zero, then every held-out digit. */
export async function ask(
  stage: Stage,
  replicas: Replicas,
  client: Client,
  { model, samples }: { readonly model: Model; readonly samples: HeldOut },
): Promise<Pick<Summary, 'heldOut' | 'coldStart'> & { readonly predicted: readonly number[] }> {
  const { progress, now } = stage;
  progress.chapter('The first request wakes the service; then all held-out digits go through the gateway');
  const bodies = samples.x.map((pixels) => ({ body: bodyOf(model, [pixels]) }));
  // What the service says of itself, and what is really there.
  const replicasBefore = Math.max(replicas.newest?.replicas ?? 0, (await servers(stage.kubectl)).length);
  const began = now();
  const first = await progress.during(
    () => `the gateway holds the request; ${replicas.words}`,
    client.infer(bodies[0] ?? { body: '' }),
  );
  const seconds = (now() - began) / 1000;
  progress.say(`answered after ${seconds.toFixed(1)} s`);
  const predicted: number[] = [];
  for (const body of bodies) predicted.push((await client.infer(body))?.[0] ?? -1);
  const correct = predicted.filter((digit, at) => digit === samples.y[at]).length;
  const n = samples.y.length;
  progress.say(`${correct} of ${n} right`);
  return {
    heldOut: { n, correct, accuracy: correct / n },
    coldStart: { replicasBefore, seconds, answer: first?.[0] ?? -1, answerWarm: predicted[0] ?? -1 },
    predicted,
  };
}

/** Requests of the load, each with the answers that its digits had alone. */
function loadRequests(model: Model, samples: HeldOut, predicted: readonly number[]): readonly Prepared[] {
  const starts = Array.from({ length: Math.ceil(samples.x.length / loadBatch) }, (_, batch) => batch * loadBatch);
  return starts.map((at) => ({
    body: bodyOf(model, samples.x.slice(at, at + loadBatch)),
    expected: predicted.slice(at, at + loadBatch),
  }));
}

type Scale = Summary['scale'];

interface Load {
  readonly replicas: Replicas;
  readonly client: Client;
  readonly requests: readonly Prepared[];
  /** Called while all replicas are at work. */
  readonly atPeak: () => Promise<unknown>;
}

/** Load until enough replicas are ready, or for a minute; then until the service is back at zero. */
export async function load(
  stage: Stage,
  { replicas, client, requests, atPeak }: Load,
): Promise<Omit<Scale, 'timeline'>> {
  const { kubectl, progress, now } = stage;
  progress.chapter(
    `Load: ${loadClients} clients without a pause, until the service has scaled out over the node's GPUs`,
  );
  const began = now();
  const stop = new AbortController();
  const traffic = closedLoop(client, requests, loadClients, stop.signal);
  const state = (): string =>
    `${replicas.words}; ${client.tally.answered} requests answered, ${client.tally.failed} failed`;
  const enough = await progress.during(state, replicas.reached(readyAtLeast(enoughReplicas), loadSeconds));
  // On a busy machine the peak may be over a moment later.
  const onGpuFirst = await gpuPods(kubectl);
  if (enough !== undefined)
    await progress.during(state, replicas.reached(readyAtLeast(enoughReplicas + 1), peakSeconds));
  const onGpu = Math.max(onGpuFirst, await gpuPods(kubectl));
  await atPeak();
  progress.say(state());
  stop.abort();
  await progress.during(() => 'the last requests', traffic);
  const ended = now();
  progress.chapter('Nobody asks any more: back to zero');
  const zero = await progress.during(() => replicas.words, replicas.reached(atZero, 90));
  progress.say(replicas.words);
  const ready = replicas.history.filter(({ atMs }) => atMs >= began).map(({ status }) => status.readyReplicas ?? 0);
  return {
    peakReady: Math.max(0, ...ready),
    onGpu,
    upSeconds: enough === undefined ? null : (enough.atMs - began) / 1000,
    toZeroSeconds: zero === undefined ? null : (zero.atMs - ended) / 1000,
  };
}

/** The pods of the service that are not on their way out. */
async function servers(kubectl: Kubectl): Promise<readonly Pod[]> {
  const pods = await kubectl.list<Pod>('pods', serverPods);
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function gpuPods(kubectl: Kubectl): Promise<number> {
  return (await servers(kubectl)).filter((pod) => pod.status?.phase === 'Running' && holdsDevice(pod)).length;
}

/** The model as requests name it. */
function modelOf(stage: Stage, status: DistillationJobStatus): Model {
  const [input] = status.artefact?.inputs ?? [];
  if (input === undefined) throw new Error(`the artefact of ${studentName} has no input`);
  return { url: stage.gatewayUrl, namespace: stage.kubectl.namespace, name: serviceName, input };
}

/** Tells the whole story. */
export async function tell(stage: Stage, startedAt: Date): Promise<Summary> {
  const [began, replicas, tally] = [stage.now(), new Replicas(stage.now), new Tally()];
  const restarts = new Restarts('somebody kills');
  const look = async (): Promise<void> => {
    restarts.see(await restartCounts(stage.system, ''));
    restarts.see(await restartCounts(stage.kubectl, serverPods));
  };
  await look();
  restarts.begin();
  const { teacher } = await train(stage);
  const { student, control, status } = await distil(stage);
  const model = modelOf(stage, status);
  const client = new Client(model, loadClients, tally);
  try {
    const samples = await serve(stage, replicas, status.lineage?.image ?? '');
    const fromMs = stage.now();
    const { predicted, ...asked } = await ask(stage, replicas, client, { model, samples });
    const requests = loadRequests(model, samples, predicted);
    const scale = await load(stage, { replicas, client, requests, atPeak: look });
    await look();
    return {
      startedAt: startedAt.toISOString(),
      seconds: (stage.now() - began) / 1000,
      ...{ teacher, student, control, ...asked },
      requests: tally.counts,
      scale: { ...scale, timeline: timelineOf(replicas.history, fromMs) },
      restarts: restarts.sum,
    };
  } finally {
    replicas.stop();
    await client.close();
  }
}
