/** One run: a namespace, a user, a kubelet by script, and as many operators as the plan kills. */
import { randomUUID } from 'node:crypto';
import type { Agent } from 'undici';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { Access } from '../../operator/kernel/credentials.ts';
import type { Settings } from '../../operator/workloads/settings.ts';
import { createNamespace, removeNamespace } from '../support/cluster-scoped.ts';
import type { HandKubelet } from '../support/hand-kubelet.ts';
import { settings } from '../support/runs.ts';
import { difference, endState } from './end-state.ts';
import { startInstance, type Instance } from './instance.ts';
import { Interference } from './interference.ts';
import type { FaultPlan } from './plan.ts';
import { FaultProxy } from './proxy.ts';
import type { Scenario } from './scenarios.ts';
import { playKubelet } from './scripted-kubelet.ts';
import { Trace } from './trace.ts';

export interface Laboratory {
  readonly cluster: Cluster;
  readonly access: Access;
  readonly upstream: Agent;
  readonly hand: HandKubelet;
}

/** What a run came to; the oracle compares it with that of a run without faults. */
export interface Outcome {
  readonly plan: FaultPlan;
  readonly reached: boolean;
  /** Why it did not come to its end; undefined when it did. */
  readonly stuck?: string;
  readonly settled: readonly string[];
  readonly afterDeletion: readonly string[];
  readonly deeds: Readonly<Record<string, number>>;
  readonly podsEver: number;
  readonly writesAtRest: number;
  readonly writes: number;
  readonly frames: ReadonlyMap<string, number>;
  readonly log: readonly string[];
  /** Every request of the operators, in order. */
  readonly requests: readonly string[];
}

const never = new AbortController().signal;
const nextRelease: Settings = { ...settings, images: { trainer: 'trainer:2', server: 'server:2' } };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Five broken watches in a row, each with its back-off, take most of a minute. */
const patienceMs = 150_000;
/** Longer than a garbage collector that has just begun needs to learn of a new kind. */
const restPatienceMs = 45_000;
const quietMs = 700;

type Rooted = Scenario['object'];

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
  readonly #instances: Instance[] = [];
  #proxy: FaultProxy | undefined;
  #settings = settings;
  /** Every start of an operator, in order; a failed one shows in the end. */
  #starting: Promise<void> = Promise.resolve();
  /** What the user does, one deed after the other. */
  #deeds: Promise<void> = Promise.resolve();

  constructor(laboratory: Laboratory, scenario: Scenario, plan: FaultPlan) {
    this.#laboratory = laboratory;
    this.#scenario = scenario;
    this.#plan = plan;
    this.#interference = new Interference(plan, this.#trace);
  }

  async begin(): Promise<void> {
    const { cluster } = this.#laboratory;
    await createNamespace(cluster, this.#namespace);
    await this.#startOperator();
  }

  async end(): Promise<void> {
    await this.#starting;
    this.#proxy?.cut();
    await Promise.all(this.#instances.map((instance) => instance.stop()));
    const { cluster } = this.#laboratory;
    await removeNamespace(cluster, this.#namespace);
  }

  async live(reference?: Outcome): Promise<Outcome> {
    const { cluster, hand } = this.#laboratory;
    const kubelet = playKubelet(cluster, this.#namespace, hand, this.#scenario.script);
    let stuck: string | undefined;
    let settled: readonly string[] = [];
    let afterDeletion: readonly string[] = [];
    let writesAtRest = 0;
    try {
      await this.#create();
      await this.#liveThrough();
      settled = await this.#rest(reference?.settled);
      writesAtRest = await this.#resync();
      await this.#delete();
      afterDeletion = await this.#rest([]);
    } catch (error) {
      const found = await endState(cluster, this.#namespace);
      stuck = `${String(error)}\n${found.join('\n')}`;
    } finally {
      kubelet.stop();
    }
    const { writes, frames } = this.#trace;
    const log = this.#instances.flatMap(({ lines }, index) => lines.map((line) => `${String(index + 1)}: ${line}`));
    return {
      ...{
        plan: this.#plan,
        reached: this.#interference.reached,
        settled,
        afterDeletion,
        writesAtRest,
        writes,
        frames,
      },
      ...(stuck === undefined ? {} : { stuck }),
      ...{
        deeds: this.#trace.creationsAndDeletions(),
        podsEver: kubelet.seen.size,
        log,
        requests: this.#trace.lines(),
      },
    };
  }

  async #startOperator(): Promise<void> {
    const { access, upstream } = this.#laboratory;
    this.#proxy = await FaultProxy.start({
      ...{ access, upstream, trace: this.#trace, interference: this.#interference },
      instance: this.#instances.length + 1,
      crashed: (upgrade) => this.#replaceOperator(upgrade),
      deleted: (recreate) => this.#deletedByUser(recreate),
    });
    this.#instances.push(startInstance(this.#proxy.url, this.#namespace, this.#settings));
  }

  #replaceOperator(upgrade: boolean): void {
    if (upgrade) this.#settings = nextRelease;
    // What still runs of it can do nothing: its proxy is cut.
    void this.#instances.at(-1)?.stop();
    this.#starting = this.#starting.then(() => this.#startOperator());
  }

  #deletedByUser(recreate: boolean): Promise<void> {
    return this.#inTurn(async () => {
      const { spec } = await this.#root();
      await this.#delete();
      if (recreate) await this.#create(spec);
    });
  }

  #changedByUser(change: Scenario['changes'][number]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isGone) return;
      const root = await this.#root();
      const changed: Rooted = { ...root, spec: change(root.spec) };
      await this.#laboratory.cluster.update(this.#scenario.resource, changed, never);
    });
  }

  #inTurn(deed: () => Promise<void>): Promise<void> {
    const done = this.#deeds.then(deed);
    this.#deeds = done.catch(() => undefined);
    return done;
  }

  async #create(spec = this.#scenario.object.spec): Promise<void> {
    const { object, resource } = this.#scenario;
    const metadata = { ...object.metadata, namespace: this.#namespace };
    const created: Rooted = { ...object, metadata, spec };
    await this.#laboratory.cluster.create(resource, created, never);
  }

  async #delete(): Promise<void> {
    const { object, resource } = this.#scenario;
    const key = { namespace: this.#namespace, name: object.metadata.name };
    await this.#laboratory.cluster.remove({ resource, key }, never);
  }

  async #root(): Promise<Rooted> {
    const { object, resource } = this.#scenario;
    const key = { namespace: this.#namespace, name: object.metadata.name };
    return (await this.#laboratory.cluster.get(resource, key, never)) as Rooted;
  }

  async #liveThrough(): Promise<void> {
    const { settled, changes } = this.#scenario;
    await this.#until('it settles', async () => this.#isGone || settled(await this.#root()));
    for (const change of changes) {
      await this.#until('the change is taken', () => this.#changedByUser(change).then(() => true));
      await this.#until('it settles again', async () => this.#isGone || settled(await this.#root()));
    }
  }

  /** The user has deleted it for good. */
  get #isGone(): boolean {
    const { faults } = this.#plan;
    return this.#interference.reached && faults.some((fault) => fault.kind === 'delete' && !fault.recreate);
  }

  /** No write for a while, and the state that was to be reached; the last state seen when it is not. */
  async #rest(expected: readonly string[] | undefined): Promise<readonly string[]> {
    let found: readonly string[] = [];
    const isThere = async (): Promise<boolean> => {
      if (performance.now() - this.#trace.lastWriteMs < quietMs) return false;
      found = await endState(this.#laboratory.cluster, this.#namespace);
      return expected === undefined || difference(expected, found).length === 0;
    };
    await this.#until('it comes to rest', isThere, restPatienceMs).catch(() => undefined);
    return found;
  }

  /** Three looks at everything, with nothing to do: the number of writes. */
  async #resync(): Promise<number> {
    await this.#starting;
    const { writes } = this.#trace;
    const key = { namespace: this.#namespace, name: this.#scenario.object.metadata.name };
    for (let turn = 0; turn < 3; turn += 1) {
      this.#instances.at(-1)?.manager.poke(this.#scenario.resource.kind.toLowerCase(), key);
      await pause(100);
    }
    return this.#trace.writes - writes;
  }

  async #until(what: string, look: () => Promise<boolean>, withinMs = patienceMs): Promise<void> {
    const endMs = performance.now() + withinMs;
    let mishap = '';
    while (performance.now() < endMs) {
      try {
        if (await look()) return;
      } catch (error) {
        mishap = String(error);
      }
      await pause(100);
    }
    throw new Error(`it never came to be: ${what}; ${mishap}`);
  }
}
