/** The demo's own story, told while the operator's pods are killed in the middle of training, distilling, waking, scaling out and going to rest. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { brokenPromises } from '../../demo/checks.ts';
import { Kubectl, type Pod } from '../../demo/kubectl.ts';
import { play } from '../../demo/play.ts';
import type { Summary } from '../../demo/summary.ts';
import { kill, openLab, operators, type Lab } from './lab.ts';
import { namespaces, settings } from './world.ts';

/** What the story says → how many of the operator's pods are killed then, the leader first. */
const kills: readonly (readonly [RegExp, number])[] = [
  [/TrainingJob: [^]*Running/, 1],
  [/DistillationJob: [^]*Running/, 2],
  [/zero replicas, still ready/, 2],
  [/Load: /, 2],
  [/Nobody asks/, 1],
];

const kubectl = new Kubectl(namespaces.story);
const serverPods = 'limbeck.dev/model-service=digits';
let lab: Lab;
let summary: Summary;
const killed: (readonly string[])[] = [];
/** The servers at the moment when every operator was killed under load, and those of them that are there when it ends. */
let servers = new Set<string>();
let survivors = new Set<string>();

/** Those that are not on their way out: the replica that proved the model may still be draining. */
const serverNames = async (): Promise<Set<string>> => {
  const pods = await kubectl.list<Pod>('pods', serverPods);
  return new Set(
    pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name),
  );
};

beforeAll(async () => {
  lab = await openLab();
  const pending = [...kills];
  let told = '';
  const write = (text: string): void => {
    told += text;
    process.stderr.write(text);
    if (text.includes('Load: ')) void serverNames().then((names) => (servers = names));
    if (text.includes('Nobody asks')) void serverNames().then((names) => (survivors = names));
    const next = pending[0];
    if (next === undefined || !next[0].test(told)) return;
    pending.shift();
    const victims = operators(lab.system).slice(0, next[1]);
    kill(lab.system, victims);
    killed.push(victims);
  };
  const config = { ...lab.config, namespace: namespaces.story };
  summary = await play(config, { write, now: () => performance.now(), startedAt: new Date(), settings });
}, 400_000);

afterAll(() => lab.gateway.close());

describe('the main job while operators die', () => {
  test('operators were killed at every moment that was meant', () => {
    expect(killed.map((pods) => pods.length)).toEqual(kills.map(([, count]) => count));
  });

  test('keeps every promise', () => {
    expect(brokenPromises(summary)).toEqual([]);
    expect(summary.requests.sent).toBeGreaterThan(summary.heldOut.n);
  });

  test('needs one attempt of each job, and no worker is made twice', async () => {
    expect([summary.teacher.attempts, summary.student.attempts]).toEqual([1, 1]);
    const workers = async (label: string): Promise<readonly string[]> =>
      (await kubectl.list<Pod>('pods', label)).map(({ metadata }) =>
        metadata.name.replace(/-\w{5}(?=-a1)|-\w{5}$/g, ''),
      );
    expect((await workers('limbeck.dev/training-job')).toSorted()).toEqual([
      'digits-teacher-a1-0',
      'digits-teacher-a1-1',
    ]);
    expect(await workers('limbeck.dev/distillation-job')).toEqual(['digits-student-a1-0']);
  });

  test('lets every server go on under load', () => {
    expect(servers.size).toBeGreaterThan(0);
    expect([...servers].filter((name) => !survivors.has(name))).toEqual([]);
  });
});
