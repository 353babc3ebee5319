/** One run: a namespace, a user, a kubelet by script, and as many operators as the plan kills. */
import { randomUUID } from 'node:crypto';
import { longestAwayMs } from '../../operator/kernel/deadlines.ts';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { createNamespace } from '../support/cluster-scoped.ts';
import { referenceQuietMs } from './controllers.ts';
import { excusedBy, lotsOf } from './deeds.ts';
import { difference, endState, heardIn, stateOf, versionsOf } from './end-state.ts';
import { endsToldAgain } from './ends.ts';
import { eventsIn, keptFrom } from './events.ts';
import type { Instance } from './instance.ts';
import { Interference } from './interference.ts';
import type { CameTo, Outcome } from './outcome.ts';
import { Outsiders } from './outsiders.ts';
import { People } from './people.ts';
import type { Laboratory } from './laboratory.ts';
import { startNewcomer } from './newcomer.ts';
import { newsTold } from './news.ts';
import type { Fault, FaultPlan } from './plan.ts';
import type { Rooted, Scenario } from './scenario.ts';
import { writesAtRest, type Resting } from './quiescence.ts';
import { playKubelet } from './scripted-kubelet.ts';
import { Succession } from './succession.ts';
import { Trace } from './trace.ts';
import { had, until } from './until.ts';

/** Longer than the operator waits for what it may not have seen, and a new garbage collector for what it may not know. */
const restPatienceMs = longestAwayMs + 130_000;
const quietMs = 700;

/** `reference`: the state to arrive at; without one the run itself says what is right. */
export async function runPlan(
  laboratory: Laboratory,
  scenario: Scenario,
  plan: FaultPlan,
  reference?: Outcome,
): Promise<Outcome> {
  const run = new Run(laboratory, scenario, plan);
  await run.begin();
  try {
    return await run.live(reference);
  } finally {
    await run.end();
  }
}

class Run {
  readonly #laboratory: Laboratory;
  readonly #scenario: Scenario;
  readonly #plan: FaultPlan;
  readonly #namespace = `faults-${randomUUID().slice(0, 8)}`;
  readonly #trace = new Trace();
  readonly #interference: Interference;
  readonly #people: People;
  readonly #outsiders: Outsiders;
  readonly #operators: Succession;
  /** What one who began at rest has said. */
  readonly #newcomerLog: string[] = [];
  /** Versions of what was heard when it was last compared, and found to be something else than what is waited for. */
  #compared: string | undefined;

  constructor(laboratory: Laboratory, scenario: Scenario, plan: FaultPlan) {
    this.#laboratory = laboratory;
    this.#scenario = scenario;
    this.#plan = plan;
    this.#interference = new Interference(plan, this.#trace);
    this.#people = new People(laboratory, scenario, this.#namespace);
    this.#outsiders = new Outsiders(scenario, this.#namespace, laboratory);
    this.#operators = new Succession({
      outsiders: this.#outsiders,
      ...{ laboratory, scenario, plan, namespace: this.#namespace, trace: this.#trace },
      ...{ interference: this.#interference, befell: (deed, stored) => this.#people.befall(deed, stored) },
    });
  }

  async begin(): Promise<void> {
    const { cluster } = this.#laboratory;
    await had('a namespace', () => createNamespace(cluster, this.#namespace));
    await had('who makes its model', () => this.#people.createMaker());
    await this.#operators.openGate();
    if (this.#absence === undefined) await this.#operators.start();
  }

  get #absence(): Fault | undefined {
    return this.#plan.faults.find((fault) => fault.kind === 'absence');
  }

  /** A deed of the user; where the plan says so, no operator is there meanwhile. */
  async #deed(deed: () => Promise<void>): Promise<void> {
    if (this.#absence === undefined) return deed();
    await this.#operators.stop();
    await deed();
    await this.#operators.start();
    this.#interference.fulfil(this.#absence);
  }

  /** The namespace stays: to look for what may be left in it costs an API server as much as a run, and it ends soon itself. */
  end(): Promise<void> {
    this.#outsiders.end();
    return this.#operators.end();
  }

  async live(reference?: Outcome): Promise<Outcome> {
    const { cluster, hand } = this.#laboratory;
    const kubelet = playKubelet(cluster, this.#namespace, hand, this.#scenario.script, this.#outsiders.speakers);
    let stuck: string | undefined;
    let came: CameTo = { settled: [], events: [], writesAtRest: 0 };
    let afterDeletion: readonly string[] = [];
    try {
      await this.#beginLife();
      await this.#liveThrough();
      came = await this.#comeToRest(reference);
      await this.#operators.recovered();
      await this.#deed(() => this.#people.delete());
      await this.#rest([]);
      await this.#untilPresent();
      afterDeletion = await this.#rest([]);
    } catch (error) {
      stuck = `${String(error)}\n${(await this.#state()).join('\n')}`;
    } finally {
      kubelet.stop();
    }
    const { writes, frames } = this.#trace;
    const { log, recoveredAfterMs, replaced, complaints: deaths } = this.#operators;
    return {
      ...{
        plan: this.#plan,
        befell: this.#interference.befell,
        ...came,
        afterDeletion,
        ...{ replaced, deaths },
        writes,
        frames,
      },
      ...(stuck === undefined ? {} : { stuck }),
      ...(recoveredAfterMs === undefined ? {} : { recoveredAfterMs }),
      ...{
        deeds: this.#trace.creationsAndDeletions(),
        misled: excusedBy(this.#interference.answered),
        podsEver: kubelet.seen.size,
        unheard: keptFrom(this.#trace.exchanges, this.#namespace),
        toldAgain: endsToldAgain(this.#trace.exchanges, this.#interference.answered),
        lots: lotsOf(this.#trace.exchanges, [...kubelet.seen.values()]),
        unguardedDeletions: this.#trace.unguardedDeletions(),
        log: [...log, ...this.#newcomerLog],
        requests: this.#trace.lines(),
      },
    };
  }

  /** The user's object; where a quota forbids its children, until that was told. */
  async #beginLife(): Promise<void> {
    const quota = this.#plan.faults.find((fault) => fault.kind === 'quota');
    if (quota !== undefined) await this.#people.forbid(quota.counts);
    await this.#deed(() => this.#people.create());
    if (quota === undefined) return;
    await until('the quota is told', () => this.#people.toldOfQuota());
    await this.#people.allow();
    this.#interference.fulfil(quota);
  }

  async #liveThrough(): Promise<void> {
    await this.#settle();
    for (const change of this.#scenario.changes) {
      const taken = () => this.#people.change(change, () => this.#isGone).then(() => true);
      await this.#deed(() => until('the change is taken', taken));
      await this.#settle();
    }
    for (const advised of this.#scenario.advice?.slice(1) ?? []) {
      this.#outsiders.advised = advised;
      await this.#settle();
    }
  }

  /** An object in a namespace that is being emptied may come to its end before its successor is there. */
  #settle(): Promise<void> {
    const isThere = (object?: Rooted): boolean => this.#scenario.settled(object, this.#outsiders.advised);
    const isSettled = (): Promise<boolean> => this.#people.find((object) => this.#isGone || isThere(object));
    return until('it settles', isSettled, { everyMs: 250 });
  }

  /** A write that comes late may bring about a deed, and with that another life or operator: then it has not come to rest yet. */
  async #comeToRest(reference: Outcome | undefined): Promise<CameTo> {
    const upheavals = (): number => this.#people.begun + this.#operators.replaced;
    for (;;) {
      const before = upheavals();
      await this.#untilPresent();
      const came = await this.#lookAtRest(reference);
      await this.#people.idle();
      await this.#replaceAtRest();
      if (before === upheavals()) return came;
      await this.#settle();
    }
  }

  /** Nobody is shown the past any more, or acts upon it. */
  #untilPresent(): Promise<void> {
    return until('the past is over', () => Promise.resolve(!this.#interference.isTravelling));
  }

  /** A release whose write never came takes its place now. */
  async #replaceAtRest(): Promise<void> {
    const fault = this.#interference.releaseToCome;
    if (fault === undefined) return;
    await this.#operators.replaceAtRest(fault.to);
    this.#interference.fulfil(fault);
  }

  async #lookAtRest(reference: Outcome | undefined): Promise<CameTo> {
    const survivor = await had('the object, or its absence', () => this.#people.found());
    const nothing = this.#isGone || (reference === undefined && survivor === undefined);
    const expected = nothing ? [] : reference?.settled;
    const settled = await this.#rest(expected);
    // What is deleted for good may still be there for a moment.
    const hasHeir = this.#scenario.changes.length === 0 && !this.#isGone;
    const heir = hasHeir ? (await had('the heir', () => this.#people.found()))?.metadata.uid : undefined;
    const writesAtRest = await this.#writesAtRest(expected);
    const events = await had('the events', () => eventsIn(this.#laboratory.cluster, this.#namespace));
    return { settled, events, writesAtRest, ...(heir === undefined ? {} : { heir }) };
  }

  /** The user has deleted it for good. */
  get #isGone(): boolean {
    return this.#interference.befell.some((fault) => fault.kind === 'delete' && !fault.recreate);
  }

  /** No write for a while, none on the way, and the state that was to be reached; the last state seen when it is not. */
  async #rest(expected: readonly string[] | undefined): Promise<readonly string[]> {
    let found: readonly string[] | undefined;
    this.#compared = undefined;
    const isThere = async (): Promise<boolean> => {
      const enoughMs = expected === undefined ? referenceQuietMs(this.#heard) : quietMs;
      if (this.#trace.quietMs < enoughMs) return false;
      // The API server is asked only when what was heard is right.
      if (expected !== undefined && !this.#hasHeard(expected)) return false;
      found = await this.#state();
      return expected === undefined || difference(expected, found).length === 0;
    };
    await until('it comes to rest', isThere, { withinMs: restPatienceMs }).catch(() => (found = undefined));
    return found ?? this.#state();
  }

  #state(): Promise<readonly string[]> {
    return had('the state', () => endState(this.#laboratory.cluster, this.#namespace));
  }

  get #heard(): readonly KubeObject[] {
    return heardIn(this.#laboratory.heard, this.#namespace);
  }

  #hasHeard(expected: readonly string[]): boolean {
    const heard = this.#heard;
    const versions = versionsOf(heard);
    if (versions === this.#compared) return false;
    const isSo = difference(expected, stateOf(heard, this.#namespace)).length === 0;
    // As long as nothing changes, it need not be looked at again.
    this.#compared = isSo ? undefined : versions;
    return isSo;
  }

  /** Of the operator that is there in the end; and, where nothing was disturbed, of one that begins only now. */
  async #writesAtRest(expected: readonly string[] | undefined): Promise<number> {
    const instance = await this.#operators.atLast();
    const written = await this.#looksAtRest({ instance, before: instance.writes() }, this.#trace, expected);
    return this.#plan.faults.length > 0 ? written : written + (await this.#writesOfNewcomer(expected));
  }

  async #writesOfNewcomer(expected: readonly string[] | undefined): Promise<number> {
    const { feeds, listen } = this.#outsiders.ears();
    const what = { namespace: this.#namespace, settings: this.#operators.settings, feeds };
    const { instance, trace, stop } = await startNewcomer(this.#laboratory, what);
    listen(instance);
    try {
      return await this.#looksAtRest({ instance, before: 0 }, trace, expected);
    } finally {
      await stop();
      this.#newcomerLog.push(...instance.lines.map((line) => `newcomer: ${line}`));
    }
  }

  #looksAtRest(
    whose: Pick<Resting, 'before'> & { readonly instance: Instance },
    trace: Trace,
    expected: readonly string[] | undefined,
  ): Promise<number> {
    const { instance } = whose;
    const { object, resource } = this.#scenario;
    const { replaced } = this.#operators;
    const key = { namespace: this.#namespace, name: object.metadata.name };
    return writesAtRest({
      ...whose,
      isReplaced: () => this.#operators.replaced > replaced,
      poke: () => instance.manager.poke(resource.kind.toLowerCase(), key),
      news: (known) => newsTold(trace, known),
      rest: () => this.#rest(expected),
    });
  }
}
