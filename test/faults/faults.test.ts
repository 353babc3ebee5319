/**
 * The reconcilers on a real API server, disturbed at every write and every frame. All plans with LIMBECK_FAULTS=all
 * (`make test-faults`), otherwise one in twelve of them.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openLaboratory, type OpenLaboratory } from './laboratory.ts';
import { complaints } from './oracle.ts';
import { planText, type FaultPlan } from './plan.ts';
import { perturbationsOf, plansFor } from './plans.ts';
import { runPlan, type Outcome } from './run.ts';
import { scenarios, type Scenario } from './scenarios.ts';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const only = process.env['LIMBECK_FAULTS_ONLY'];
const perturbations = perturbationsOf(all);
const sampleEvery = 12;
const atOnce = 10;
const folder = 'build/faults';
const coverage: { scenario: string; perturbation: string; plans: number; reached: number; failed: number }[] = [];

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

/** Runs them a few at a time; what each has to complain about. */
async function judge(scenario: Scenario, plans: readonly FaultPlan[]): Promise<{ reached: number; bad: string[] }> {
  const reference = await referenceOf(scenario);
  const waiting = [...plans];
  const bad: string[] = [];
  let reached = 0;
  const work = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      const outcome = await runPlan(laboratory, scenario, plan, reference);
      if (outcome.reached) reached += 1;
      const said = complaints(reference, outcome);
      if (said.length === 0) continue;
      bad.push(`${planText(plan)}\n${said.join('\n')}\n${outcome.log.slice(-8).join('\n')}`);
      const name = planText(plan).replaceAll(/[^\w]+/g, '-');
      await writeFile(`${folder}/failed/${name}.json`, `${JSON.stringify({ ...outcome, said }, undefined, 2)}\n`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { reached, bad };
}

describe.each(scenarios)('$name', (scenario) => {
  test('comes to the same end twice without faults, and rests there', async () => {
    const plan = { scenario: scenario.name, faults: [] };
    const [first, second] = await Promise.all([referenceOf(scenario), runPlan(laboratory, scenario, plan)]);
    expect(first.stuck).toBeUndefined();
    expect(first.settled.length).toBeGreaterThan(1);
    expect(first.writesAtRest).toBe(0);
    expect(complaints(first, second)).toEqual([]);
  }, 150_000);

  test.each(perturbations.filter((name) => only === undefined || only === name))(
    'survives: %s',
    async (perturbation) => {
      const every = plansFor(perturbation, scenario.name, await referenceOf(scenario));
      // Where there are fewer plans than one in twelve, the sample is still one.
      const offset = perturbations.indexOf(perturbation) % Math.min(sampleEvery, Math.max(1, every.length));
      const plans = all ? every : every.filter((_, index) => index % sampleEvery === offset);
      const { reached, bad } = await judge(scenario, plans);
      coverage.push({ scenario: scenario.name, perturbation, plans: plans.length, reached, failed: bad.length });
      expect(bad).toEqual([]);
      // Plans that never come to pass would be survived by anything.
      expect(reached).toBeGreaterThan(0);
    },
    1_800_000,
  );
});

test('survives every plan that it once did not', async () => {
  const files = (await readdir('test/faults/regressions')).filter((file) => file.endsWith('.json'));
  for (const file of files) {
    const plan = JSON.parse(await readFile(`test/faults/regressions/${file}`, 'utf8')) as FaultPlan;
    const scenario = scenarios.find(({ name }) => name === plan.scenario)!;
    expect((await judge(scenario, [plan])).bad).toEqual([]);
  }
}, 600_000);
