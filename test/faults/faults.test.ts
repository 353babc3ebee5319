/**
 * The reconcilers on a real API server, disturbed at every write and every frame. All plans with LIMBECK_FAULTS=all
 * (`make test-faults`), otherwise a sample, that of one life in one go.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Covered } from './coverage.ts';
import { openLaboratory, type OpenLaboratory } from './laboratory.ts';
import { complaints } from './oracle.ts';
import { planText, type FaultPlan } from './plan.ts';
import { perturbations, plansFor, sampleOf, type Perturbation } from './plans.ts';
import { runPlan, type Outcome } from './run.ts';
import { scenarios, type Scenario } from './scenarios.ts';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const only = process.env['LIMBECK_FAULTS_ONLY'];
const chosen = perturbations.filter((name) => only === undefined || only === name);
const groups: readonly (readonly Perturbation[])[] = all ? chosen.map((name) => [name]) : [chosen];
const atOnce = 10;
const folder = 'build/faults';
const coverage: Covered[] = [];

let laboratory: OpenLaboratory;
const references = new Map<string, Promise<Outcome>>();

/** The run without faults, once per scenario. */
function referenceOf(scenario: Scenario): Promise<Outcome> {
  const plan = { scenario: scenario.name, faults: [] };
  const known = references.get(scenario.name) ?? runPlan(laboratory, scenario, plan);
  references.set(scenario.name, known);
  return known;
}

beforeAll(async () => {
  laboratory = await openLaboratory();
  await mkdir(`${folder}/failed`, { recursive: true });
}, 60_000);

afterAll(async () => {
  await laboratory.close();
  await writeFile(`${folder}/coverage.json`, `${JSON.stringify(coverage, undefined, 2)}\n`);
}, 60_000);

interface Judged {
  readonly plan: FaultPlan;
  readonly reached: boolean;
  /** What there is to complain about; undefined: nothing. */
  readonly bad?: string;
}

async function judge(scenario: Scenario, plan: FaultPlan): Promise<Judged> {
  const reference = await referenceOf(scenario);
  const outcome = await runPlan(laboratory, scenario, plan, reference);
  const { reached } = outcome;
  const said = complaints(reference, outcome);
  if (said.length === 0) return { plan, reached };
  const name = planText(plan).replaceAll(/[^\w]+/g, '-');
  await writeFile(`${folder}/failed/${name}.json`, `${JSON.stringify({ ...outcome, said }, undefined, 2)}\n`);
  return { plan, reached, bad: `${planText(plan)}\n${said.join('\n')}\n${outcome.log.slice(-8).join('\n')}` };
}

/** A few at a time. */
async function judgeAll(scenario: Scenario, plans: readonly FaultPlan[]): Promise<readonly Judged[]> {
  const waiting = [...plans];
  const judged: Judged[] = [];
  const work = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift())
      judged.push(await judge(scenario, plan));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return judged;
}

const complaintsOf = (judged: readonly Judged[]): readonly string[] =>
  judged.flatMap(({ bad }) => (bad === undefined ? [] : [bad]));

describe.each(scenarios)('$name', (scenario) => {
  test('comes to the same end twice without faults, and rests there', async () => {
    const plan = { scenario: scenario.name, faults: [] };
    const [first, second] = await Promise.all([referenceOf(scenario), runPlan(laboratory, scenario, plan)]);
    expect(first.stuck).toBeUndefined();
    expect(first.settled.length).toBeGreaterThan(1);
    expect(first.writesAtRest).toBe(0);
    expect(complaints(first, second)).toEqual([]);
  }, 600_000);

  test.each(groups.map((group) => [group.join(', '), group] as const))(
    'survives: %s',
    async (_, group) => {
      const reference = await referenceOf(scenario);
      const planned = group.map((perturbation) => {
        const every = plansFor(perturbation, scenario.name, reference);
        return [
          perturbation,
          new Set(all ? every : sampleOf(every, perturbation, scenarios.indexOf(scenario))),
        ] as const;
      });
      const judged = await judgeAll(
        scenario,
        planned.flatMap(([, plans]) => [...plans]),
      );
      for (const [perturbation, plans] of planned) {
        const mine = judged.filter(({ plan }) => plans.has(plan));
        const reached = mine.filter((one) => one.reached).length;
        const converged = mine.filter((one) => one.reached && one.bad === undefined).length;
        coverage.push({ scenario: scenario.name, perturbation, plans: plans.size, reached, converged });
      }
      expect(complaintsOf(judged)).toEqual([]);
      // Plans that never come to pass would be survived by anything.
      expect(judged.filter(({ reached }) => reached).length).toBeGreaterThan(0);
    },
    1_800_000,
  );
});

test('survives every plan that it once did not', async () => {
  const files = (await readdir('test/faults/regressions')).filter((file) => file.endsWith('.json'));
  const judged = files.map(async (file) => {
    const plan = JSON.parse(await readFile(`test/faults/regressions/${file}`, 'utf8')) as FaultPlan;
    return judge(
      scenarios.find(({ name }) => name === plan.scenario)!,
      plan,
    );
  });
  expect(complaintsOf(await Promise.all(judged))).toEqual([]);
}, 600_000);
