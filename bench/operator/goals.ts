/** What Limbeck's operator is held to, and what became of it in one run. */
import { judged, type Verdict } from '../goals.ts';
import { spreadText, type Spread } from '../measure.ts';
import type { Burst } from './burst.ts';
import type { Scale } from './scale.ts';

export interface Findings {
  /** TrainingJobs a second, Limbeck's over the reference's; absent without a pair of rounds. */
  readonly rate: Spread | undefined;
  readonly jobs: number;
  readonly bursts: readonly Burst[];
  readonly among: Scale | undefined;
}

const burstOf = 1000;
const few = { jobs: 100, atMostMB: 150 };
const many = { jobs: 5000, pods: 10_000, atMostMB: 450 };

/** Goals are in MB, what the kernel says in MiB. */
const megabytes = (mebibytes: number): number => Math.round((mebibytes * 2 ** 20) / 1e6);

function ofBursts({ rate, jobs, bursts }: Findings): readonly Verdict[] {
  if (rate === undefined) return [];
  const isFullSize = jobs >= burstOf;
  const writes = Math.max(...bursts.map(({ writesPerJob }) => writesPerJob));
  return [
    judged(
      `${burstOf} at once: at least 0.7 of the reference's rate`,
      `${spreadText(rate)} at ${jobs}`,
      rate.median >= 0.7,
      isFullSize,
    ),
    judged(
      `${burstOf} at once: at most 4 writes a job`,
      `${writes.toFixed(2)} in the worst round, at ${jobs}`,
      writes <= 4,
      isFullSize,
    ),
  ];
}

function ofScale(among: Scale): readonly Verdict[] {
  const { jobs, pods, fewPeakMiB, grownPeakMiB, limbeck } = among;
  const restPercent = limbeck.laterRestCpuPercent ?? limbeck.restCpuPercent;
  // What it is given must be enough for its worst moment, whether it makes everything or finds it.
  const [fewMB, mostMB] = [megabytes(fewPeakMiB), megabytes(Math.max(grownPeakMiB, limbeck.peakMiB))];
  const isMany = jobs >= many.jobs && pods >= many.pods;
  const at = `at ${jobs} and ${pods} pods`;
  return [
    judged(
      `at most ${few.atMostMB} MB at ${few.jobs} TrainingJobs`,
      `${fewMB} MB at the most, at ${among.few}`,
      fewMB <= few.atMostMB,
      among.few >= few.jobs,
    ),
    judged(
      `at most ${many.atMostMB} MB at ${many.jobs} and ${many.pods} pods`,
      `${mostMB} MB at the most, ${at}`,
      mostMB <= many.atMostMB,
      isMany,
    ),
    judged('at rest: no write', `${limbeck.restWrites} ${at}`, limbeck.restWrites === 0, isMany),
    judged(
      'at rest: less than 1 % of a core',
      `${restPercent.toFixed(2)} % ${at}, ${limbeck.restCpuPercent.toFixed(2)} % in the first minute`,
      restPercent < 1,
      isMany && limbeck.laterRestCpuPercent !== undefined,
    ),
  ];
}

export const verdicts = (findings: Findings): readonly Verdict[] => [
  ...ofBursts(findings),
  ...(findings.among === undefined ? [] : ofScale(findings.among)),
];
