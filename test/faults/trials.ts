/** Runs plans, some at once and in the order in which they are asked for, and judges each by the run without faults. */
import { writeFile } from 'node:fs/promises';
import type { Laboratory } from './laboratory.ts';
import { complaints } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import { planText, type FaultPlan } from './plan.ts';
import { runPlan } from './run.ts';
import type { Scenario } from './scenario.ts';

export interface Judged {
  readonly plan: FaultPlan;
  /** All of it came to pass. */
  readonly reached: boolean;
  /** Three looks at everything in the end wrote nothing. */
  readonly quiet: boolean;
  /** How long it took, from the first start of an operator on. */
  readonly seconds: number;
  /** What there is to complain about; undefined: nothing. */
  readonly bad?: string;
}

/** Most of a run is spent waiting for controllers: on two cores so many keep the machine busy. */
const atOnce = 24;

export class Trials {
  readonly #laboratory: Laboratory;
  /** Where whole stories of failed runs go. */
  readonly #folder: string;
  readonly #references = new Map<string, Promise<Outcome>>();
  readonly #seconds = new Map<string, Promise<Outcome>>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  #done = 0;

  constructor(laboratory: Laboratory, folder: string) {
    this.#laboratory = laboratory;
    this.#folder = folder;
  }

  /** How far it is: a whole run takes half an hour, most of it without any other word. */
  get progress(): string {
    return `faults: ${String(this.#done)} lives lived, ${String(this.#running)} under way, ${String(this.#waiting.length)} to come`;
  }

  /** The run without faults that the others are compared with, once per life. */
  referenceOf(scenario: Scenario): Promise<Outcome> {
    const known = this.#references.get(scenario.name) ?? this.#withoutFaults(scenario);
    this.#references.set(scenario.name, known);
    return known;
  }

  /** Another run without faults, once per life: as good as the first. */
  secondOf(scenario: Scenario): Promise<Outcome> {
    const known = this.#seconds.get(scenario.name) ?? this.#withoutFaults(scenario);
    this.#seconds.set(scenario.name, known);
    return known;
  }

  /** What a run makes at least until something befalls it. */
  async fewestWrites(scenario: Scenario): Promise<number> {
    const [first, second] = await Promise.all([this.referenceOf(scenario), this.secondOf(scenario)]);
    return Math.min(first.writes, second.writes);
  }

  #withoutFaults(scenario: Scenario): Promise<Outcome> {
    return this.#inTurn(() => runPlan(this.#laboratory, scenario, { scenario: scenario.name, faults: [] }));
  }

  async judge(scenario: Scenario, plan: FaultPlan): Promise<Judged> {
    const reference = await this.referenceOf(scenario);
    return this.#inTurn(async () => {
      const beganAtMs = performance.now();
      const outcome = await runPlan(this.#laboratory, scenario, plan, reference);
      const said = complaints(reference, outcome);
      const { befell, stuck, writesAtRest } = outcome;
      const seen = {
        ...{ plan, seconds: (performance.now() - beganAtMs) / 1000 },
        reached: befell.length === plan.faults.length,
        quiet: stuck === undefined && writesAtRest === 0,
      };
      if (said.length === 0) return seen;
      const name = planText(plan).replaceAll(/[^\w]+/g, '-');
      await writeFile(`${this.#folder}/${name}.json`, `${JSON.stringify({ ...outcome, said }, undefined, 2)}\n`);
      return { ...seen, bad: [planText(plan), ...said, ...outcome.log.slice(-8)].join('\n') };
    });
  }

  /** One after the other until the faults of one come to pass, or one goes wrong. */
  async judgeOne(scenario: Scenario, plans: readonly FaultPlan[]): Promise<readonly Judged[]> {
    const judged: Judged[] = [];
    for (const plan of plans) {
      const one = await this.judge(scenario, plan);
      judged.push(one);
      if (one.reached || one.bad !== undefined) break;
    }
    return judged;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push(() => work().then(resolve, reject));
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#running >= atOnce) return;
    const work = this.#waiting.shift();
    if (work === undefined) return;
    this.#running += 1;
    void work().finally(() => {
      this.#running -= 1;
      this.#done += 1;
      this.#next();
    });
  }
}
