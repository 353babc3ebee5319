/**
 * The reconcilers on a real API server, disturbed at every write and every frame. All plans with LIMBECK_FAULTS=all
 * (`make test-faults`), otherwise a sample in which every kind meets every perturbation. LIMBECK_FAULTS_ONLY names one
 * perturbation, LIMBECK_FAULTS_LIFE one life.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { timesFrom, type Covered } from './coverage.ts';
import { untilGarbageIsCollected } from './garbage.ts';
import { openLaboratory, type OpenLaboratory } from './laboratory.ts';
import { complaints } from './oracle.ts';
import { idleAtMost, missed } from './idle.ts';
import { keep } from './kept.ts';
import { perturbations, planText, type FaultPlan, type Perturbation } from './plan.ts';
import { plansFor, sampleOf } from './plans.ts';
import type { Outcome } from './outcome.ts';
import { rightsMissing } from './rights.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { shareOf } from './share.ts';
import { Trials, type Judged } from './trials.ts';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const only = process.env['LIMBECK_FAULTS_ONLY'];
const onlyLife = process.env['LIMBECK_FAULTS_LIFE'];
const folder = 'build/faults';
const coverage: Covered[] = [];

const isTriedWith = ({ perturbations: own = perturbations }: Scenario, perturbation: Perturbation): boolean =>
  own.includes(perturbation);

/** What a life is tried with. In a sample the lives of one kind take turns. */
function perturbationsOf(scenario: Scenario): readonly Perturbation[] {
  if ((onlyLife ?? scenario.name) !== scenario.name) return [];
  const chosen = perturbations.filter((name) => (only ?? name) === name && isTriedWith(scenario, name));
  const isItsTurn = (perturbation: Perturbation): boolean => {
    const lives = scenarios.filter((life) => life.resource === scenario.resource && isTriedWith(life, perturbation));
    return lives[lives.length - 1 - (perturbations.indexOf(perturbation) % lives.length)] === scenario;
  };
  return all ? chosen : chosen.filter(isItsTurn);
}

let laboratory: OpenLaboratory;
let trials: Trials;
let telling: NodeJS.Timeout | undefined;
/** By life and perturbation; plans of which one is enough stand together. */
const verdicts = new Map<string, Promise<readonly (readonly Judged[])[]>>();
const named = (scenario: Scenario, perturbation: Perturbation): string => `${scenario.name}, ${perturbation}`;

async function judgeAll(scenario: Scenario, perturbation: Perturbation): Promise<readonly (readonly Judged[])[]> {
  const every = plansFor(perturbation, scenario.name, await trials.referenceOf(scenario));
  const number = scenarios.indexOf(scenario);
  const plans = all ? shareOf(scenario, number, perturbation, every) : every;
  const turn = perturbations.indexOf(perturbation) + number;
  const seats = all ? plans.map((plan) => [plan]) : sampleOf(plans, perturbation, turn);
  return Promise.all(seats.map((seat) => trials.judgeOne(scenario, seat)));
}

/** Everything waits in one queue, so that nothing waits for the last of one perturbation; each test takes what is its own. */
function beginAll(): void {
  for (const scenario of scenarios) {
    for (const perturbation of perturbationsOf(scenario)) {
      const judged = judgeAll(scenario, perturbation);
      verdicts.set(named(scenario, perturbation), judged);
      // A rejection is that of the test that takes it.
      judged.catch(() => undefined);
    }
  }
}

beforeAll(async () => {
  laboratory = await openLaboratory();
  await mkdir(`${folder}/failed`, { recursive: true });
  await untilGarbageIsCollected(laboratory.cluster, scenarios);
  trials = new Trials(laboratory, `${folder}/failed`);
  beginAll();
  telling = setInterval(() => process.stdout.write(`${trials.progress}\n`), 60_000);
}, 300_000);

afterAll(async () => {
  clearInterval(telling);
  await laboratory.close();
  await keep('coverage', coverage);
}, 300_000);

const complaintsOf = (judged: readonly Judged[]): readonly string[] =>
  judged.flatMap(({ bad }) => (bad === undefined ? [] : [bad]));

/** Kinds of which the operator removed something. */
const removedKinds = ({ deeds }: Outcome): readonly string[] =>
  [...new Set(Object.keys(deeds).flatMap((deed) => /^delete (\w+)\//.exec(deed)?.[1] ?? []))].sort();

/** What was to be removed once more, or when it was no longer there: undisturbed, once is enough. */
const removedAgain = ({ deeds }: Outcome): readonly string[] =>
  Object.entries(deeds).flatMap(([deed, times]) =>
    deed.startsWith('delete in vain ') || (deed.startsWith('delete ') && times > 1) ? [deed] : [],
  );

test('survives every plan that it once did not', async () => {
  const files = (await readdir('test/faults/regressions')).filter((file) => file.endsWith('.json'));
  const judged = files.map(async (file) => {
    const plan = JSON.parse(await readFile(`test/faults/regressions/${file}`, 'utf8')) as FaultPlan;
    return trials.judge(
      scenarios.find(({ name }) => name === plan.scenario)!,
      plan,
    );
  });
  const verdict = await Promise.all(judged);
  expect(complaintsOf(verdict)).toEqual([]);
  expect(verdict.filter(({ reached }) => !reached).map(({ plan }) => planText(plan))).toEqual([]);
}, 3_600_000);

describe.each(scenarios)('$name', (scenario) => {
  test('comes to the same end twice without faults, and rests there', async () => {
    const [first, second] = await Promise.all([trials.referenceOf(scenario), trials.secondOf(scenario)]);
    expect(first.stuck).toBeUndefined();
    expect(first.podsEver).toBeGreaterThan(0);
    expect(removedKinds(first)).toEqual(scenario.removes);
    expect(removedAgain(first)).toEqual([]);
    expect(first.writesAtRest).toBe(0);
    expect(complaints(first, first)).toEqual([]);
    expect(complaints(first, second)).toEqual([]);
  }, 3_600_000);

  for (const perturbation of perturbationsOf(scenario))
    test(`survives: ${perturbation}`, async () => {
      const seats = await verdicts.get(named(scenario, perturbation))!;
      const judged = seats.flat();
      const reached = judged.filter((one) => one.reached);
      const converged = reached.filter(({ bad }) => bad === undefined);
      const quiet = judged.filter((one) => one.quiet).length;
      const plansOf = (some: typeof seats) => some.map(([first]) => first!.plan);
      // Plans that never come to pass would be survived by anything.
      const idle = plansOf(seats.filter((seat) => !seat.some((one) => one.reached)));
      const counts = { plans: judged.length, reached: reached.length, converged: converged.length, quiet };
      const took = timesFrom(judged.map(({ plan, seconds }) => ({ plan: planText(plan), seconds })));
      coverage.push({ scenario: scenario.name, perturbation, ...counts, idle: idle.map(planText), took });
      expect(complaintsOf(judged)).toEqual([]);
      const { sure, others } = missed(plansOf(seats), idle, await trials.fewestWrites(scenario));
      expect(sure.map(planText)).toEqual([]);
      expect(others.map(planText).slice(idleAtMost(perturbation, seats.length))).toEqual([]);
    }, 3_600_000);
});

test('has asked for nothing that the chart does not allow, whatever befell it', async () => {
  expect(laboratory.needed.size).toBeGreaterThan(0);
  expect(await rightsMissing(laboratory.needed)).toEqual([]);
}, 300_000);
