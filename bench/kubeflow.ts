/**
 * Limbeck's operator against Kubeflow Trainer with JobSet as they are released: as many suspended jobs at once on both,
 * in alternating rounds, each with an API server from nothing, so that a noisy machine disturbs both alike. Everything
 * shares the machine's cores, the API server and our client included: ratios say more than rates.
 */
import { parseArgs } from 'node:util';
import { kubeflow } from './kubeflow/install.ts';
import { versions } from './kubeflow/release.ts';
import { limbeck, round, type Contestant, type Round } from './kubeflow/round.ts';
import { costText } from './operator/burst.ts';
import { cleanUp, cleanUpOnSignals } from './operator/processes.ts';
import { spread, spreadText, writeResult } from './measure.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
    pairs: { type: 'string', default: '3' },
    port: { type: 'string', default: '18443' },
    /** Another limit of Trainer's client than the released one: how much of the difference is that alone? */
    qps: { type: 'string' },
  },
});
const qps = values.qps === undefined ? undefined : Number(values.qps);
const [jobs = 0, pairs = 0, port = 0] = [values.jobs, values.pairs, values.port].map(Number);
const goal = 4;

cleanUpOnSignals(port);

async function told(contestant: Contestant): Promise<Round> {
  const found = await round(contestant, port, jobs);
  console.log(`${contestant.name}: ${costText(found, jobs)}`);
  return found;
}

async function pair(ours: Contestant, theirs: Contestant, number: number): Promise<Record<Contestant['name'], Round>> {
  // Who is first changes: whatever warms up or wears out in a pair disturbs both in turn.
  const [first, second] = number % 2 === 0 ? [theirs, ours] : [ours, theirs];
  const found = { [first.name]: await told(first), [second.name]: await told(second) };
  return found as Record<Contestant['name'], Round>;
}

const figures = [
  'jobsPerSecond',
  'seconds',
  'cpuSeconds',
  'cpuSecondsUntilQuiet',
  'peakMiB',
  'settledMiB',
  'writesPerJob',
] as const;

const ours = await limbeck();
const theirs = await kubeflow(qps);
try {
  console.log(`kubeflow bench: ${pairs} pairs of ${jobs} suspended jobs at once, beside ${versions}`);
  const rounds: Record<Contestant['name'], Round>[] = [];
  for (let number = 0; number < pairs; number++) rounds.push(await pair(ours, theirs, number));
  const ratios = Object.fromEntries(
    figures.map((figure) => [figure, spread(rounds.map((found) => found.limbeck[figure] / found.kubeflow[figure]))]),
  );
  for (const [figure, ratio] of Object.entries(ratios))
    console.log(`${figure}, limbeck / kubeflow: ${spreadText(ratio)}`);
  const rate = ratios['jobsPerSecond']?.median ?? 0;
  console.log(`${rate >= goal ? 'reached' : 'missed'}: at least ${goal} times its rate`);
  const limits = qps === undefined ? 'as released' : `Trainer limited to ${qps} requests/s`;
  const reference = `${versions}, ${limits}, in the same run; jobsPerSecond more is better`;
  writeResult({ name: 'kubeflow', reference, ratios, ...{ jobs, pairs, goal, rounds } });
} finally {
  cleanUp(port);
}
