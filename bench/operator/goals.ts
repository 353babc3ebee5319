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
const few = { jobs: 100, atMostMiB: 150 };
const many = { jobs: 5000, pods: 10_000, atMostMiB: 450 };

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
  const { jobs, pods, fewMiB, grownMiB, limbeck } = among;
  const restPercent = limbeck.laterRestCpuPercent ?? limbeck.restCpuPercent;
  const mostMiB = Math.max(grownMiB, limbeck.settledMiB);
  const isMany = jobs >= many.jobs && pods >= many.pods;
  const at = `at ${jobs} and ${pods} pods`;
  return [
    judged(
      `at most ${few.atMostMiB} MiB at ${few.jobs} TrainingJobs`,
      `${fewMiB} MiB at ${among.few}`,
      fewMiB <= few.atMostMiB,
      among.few >= few.jobs,
    ),
    judged(
      `at most ${many.atMostMiB} MiB at ${many.jobs} and ${many.pods} pods`,
      `${mostMiB} MiB ${at}`,
      mostMiB <= many.atMostMiB,
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
