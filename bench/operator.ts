/**
 * Limbeck's operator against one that is written with controller-runtime for the same kind and the same children
 * (operator/reference): in alternating rounds, each with an API server from nothing, so that a noisy machine disturbs
 * both alike. Then both among thousands of TrainingJobs and pods that are there already. Everything shares the
 * machine's cores, the API server and our client included: ratios say more than rates.
 */
import { parseArgs } from 'node:util';
import { burst, costText, rounded, type Burst } from './operator/burst.ts';
import { conclude } from './goals.ts';
import { verdicts } from './operator/goals.ts';
import { scale, type Resident, type Scale } from './operator/scale.ts';
import type { Between } from './operator/scrape.ts';
import { cleanUp, cleanUpOnSignals } from './operator/processes.ts';
import { limbeck, reference, workers, type Side } from './operator/sides.ts';
import { spread, spreadText, type Spread } from './measure.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
    pairs: { type: 'string', default: '3' },
    resident: { type: 'string', default: '5000' },
    'rest-seconds': { type: 'string', default: '60' },
    'later-seconds': { type: 'string', default: '600' },
    port: { type: 'string', default: '18443' },
  },
});
const [jobs = 0, pairs = 0, residents = 0, port = 0] = [values.jobs, values.pairs, values.resident, values.port].map(
  Number,
);
const [restSeconds, laterSeconds] = [Number(values['rest-seconds']), Number(values['later-seconds'])];

cleanUpOnSignals(port);

/** Histograms tell the bucket of a quantile; these are buckets that both sides have. */
const between = ({ over, upTo }: Between): string => `over ${over} s, at most ${upTo} s`;

function told(name: string, found: Burst): void {
  console.log(
    `${name}: ${costText(found, jobs)}; passes a job ${rounded(found.passesPerJob)}, ` +
      `calls a pass ${rounded(found.callsPerPass)}, p99 of the wait in the queue ${between(found.waitedP99Seconds)}`,
  );
}

const figures = ['jobsPerSecond', 'seconds', 'cpuSeconds', 'peakMiB', 'settledMiB', 'writesPerJob'] as const;

async function bursts() {
  const rounds: { limbeck: Burst; reference: Burst }[] = [];
  const round = async (side: Side): Promise<Burst> => {
    const found = await burst(side, port, jobs);
    told(side.name, found);
    return found;
  };
  for (let pair = 0; pair < pairs; pair++) {
    // Who is first changes: whatever warms up or wears out in a pair disturbs both in turn.
    const [first, second] = pair % 2 === 0 ? [references, limbecks] : [limbecks, references];
    const found = { [first.name]: await round(first), [second.name]: await round(second) };
    rounds.push(found as Record<Side['name'], Burst>);
  }
  if (rounds.length === 0) return { rounds, ratios: {} };
  const entries = figures.map((figure) => {
    const ratio = spread(rounds.map((round) => round.limbeck[figure] / round.reference[figure]));
    console.log(`${figure}, limbeck / reference: ${spreadText(ratio)}`);
    return [figure, ratio] as const;
  });
  return { rounds, ratios: Object.fromEntries(entries) };
}

const residentFigures = [
  'syncSeconds',
  'syncCpuSeconds',
  'peakMiB',
  'settledMiB',
  'restCpuPercent',
  'laterRestCpuPercent',
  'lateCallsPerPass',
] as const;

function toldAmong(name: string, found: Resident): void {
  const shown = residentFigures.flatMap((figure) =>
    found[figure] === undefined ? [] : [`${figure} ${rounded(found[figure])}`],
  );
  console.log(
    `${name} among all: ${shown.join(', ')}, at rest ${found.restWrites} writes, ${found.restPasses} passes; ` +
      `p99 of the wait in the queue: first ${between(found.firstWaitedP99Seconds)}; late ${between(found.lateWaitedP99Seconds)}`,
  );
}

/** One turn of each side, so without spread. What the reference does not use or show at all has no ratio. */
function ratiosAmong({ limbeck: ours, reference: theirs }: Scale): Record<string, Spread> {
  toldAmong('limbeck', ours);
  toldAmong('reference', theirs);
  const entries = residentFigures.flatMap((figure) => {
    const [our = 0, their = 0] = [ours[figure], theirs[figure]];
    return their > 0 ? [[`among: ${figure}`, spread([our / their])] as const] : [];
  });
  for (const [figure, { median }] of entries) console.log(`${figure}, limbeck / reference: ${median}`);
  return Object.fromEntries(entries);
}

const limbecks = await limbeck();
const references = await reference();
try {
  console.log(`operator bench: ${pairs} pairs of ${jobs} TrainingJobs at once, ${workers} workers on both sides`);
  console.log('no controllers run in a burst, as if the Jobs were suspended in a queue: nobody makes pods meanwhile');
  const { rounds, ratios } = await bursts();
  const among =
    residents === 0
      ? undefined
      : await scale(limbecks, references, port, { jobs: residents, restSeconds, laterSeconds });
  const allRatios: Record<string, Spread> = { ...ratios, ...(among === undefined ? {} : ratiosAmong(among)) };
  const ours = rounds.map((round) => round.limbeck);
  const goals = verdicts({ rate: allRatios['jobsPerSecond'], jobs, bursts: ours, among });
  conclude({
    name: 'operator',
    reference:
      'an operator with controller-runtime that makes the same children, in the same run; jobsPerSecond more is better',
    ratios: allRatios,
    ...{ goals, jobs, pairs, workers, rounds, among },
  });
} finally {
  cleanUp(port);
}
