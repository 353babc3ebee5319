/** Who is the operator in a run: each dies with its proxy, and another takes its place, which knows nothing or stood by. */
import { leases } from '../../operator/kernel/lease.ts';
import { freeLease } from '../support/free-lease.ts';
import { complaintOf } from './deaths.ts';
import { Gate, recoveredWithinMs } from './gate.ts';
import { leaseName, open, type Instance } from './instance.ts';
import type { Deed, Interference, Meddling } from './interference.ts';
import { Lag, type Takeover } from './lag.ts';
import type { Laboratory } from './laboratory.ts';
import { operatorsOf, type Operator } from './operators.ts';
import type { Outsiders } from './outsiders.ts';
import type { FaultPlan, Release } from './plan.ts';
import { FaultProxy } from './proxy.ts';
import type { Scenario } from './scenario.ts';
import type { Trace } from './trace.ts';
import { pause, until } from './until.ts';

export interface SuccessionOptions {
  readonly laboratory: Laboratory;
  readonly scenario: Scenario;
  readonly plan: FaultPlan;
  readonly namespace: string;
  readonly trace: Trace;
  readonly interference: Interference;
  readonly outsiders: Outsiders;
  readonly befell: (deed: Deed, stored: Promise<unknown>) => Promise<void>;
}

/** How long it takes to hear what was held back. */
const hearingMs = 1000;
const never = new AbortController().signal;

interface Reign {
  readonly instance: Instance;
  readonly proxy: FaultProxy;
}

interface StandBy extends Reign {
  readonly lag: Lag;
  readonly takeover: Takeover;
}

export class Succession {
  readonly #options: SuccessionOptions;
  readonly #reigns: Reign[] = [];
  #present: Reign | undefined;
  #standBy: StandBy | undefined;
  #operator: Operator;
  #gate: Gate | undefined;
  /** Every start of an operator, in order; a failed one shows in the end. */
  #starting: Promise<void> = Promise.resolve();
  /** How many have died. */
  replaced = 0;
  /** What is wrong with those that ended by themselves. */
  readonly complaints: string[] = [];

  constructor(options: SuccessionOptions) {
    this.#options = options;
    const { former, present } = operatorsOf(options.scenario);
    this.#operator = options.plan.faults.some(({ kind }) => kind === 'release') ? former : present;
  }

  async openGate(): Promise<void> {
    const { plan, laboratory } = this.#options;
    const rotated = plan.faults.find((fault) => fault.kind === 'rotated');
    if (rotated !== undefined) this.#gate = await Gate.open(rotated.what, await laboratory.identities());
  }

  get settings(): Operator['settings'] {
    return this.#operator.settings;
  }

  get recoveredAfterMs(): number | undefined {
    return this.#gate?.recoveredAfterMs;
  }

  /** A life may be over before the operator has come back with new credentials; how long that takes is judged, too. */
  async recovered(): Promise<void> {
    const isLetIn = (): Promise<boolean> => Promise.resolve(this.#gate?.isAwaiting !== true);
    await until('the new credentials are used', isLetIn, { withinMs: recoveredWithinMs }).catch(() => undefined);
  }

  get log(): readonly string[] {
    return this.#reigns.flatMap(({ instance }, index) => instance.lines.map((line) => `${String(index + 1)}: ${line}`));
  }

  /** The one that is there when nobody is about to take a place any more. */
  async atLast(): Promise<Instance> {
    let known: Promise<void> | undefined;
    while (known !== this.#starting) await (known = this.#starting);
    return this.#present!.instance;
  }

  async start(): Promise<void> {
    const { plan, interference, laboratory, namespace } = this.#options;
    const takeover = plan.faults.find((fault) => fault.kind === 'takeover');
    const isFirst = this.#reigns.length === 0;
    if (takeover !== undefined && isFirst)
      await laboratory.cluster.create(leases, freeLease({ namespace, name: leaseName }), never);
    this.#present = await this.#begin(interference);
    if (takeover !== undefined && isFirst) await this.#haveStandBy(this.#present, takeover);
  }

  async #haveStandBy(leader: Reign, takeover: Takeover): Promise<void> {
    const { replaced } = this;
    await leader.instance.manager.leading;
    const lag = new Lag(takeover, this.#options.trace);
    const reign = await this.#begin(lag);
    await until('it stands by', () => Promise.resolve(reign.instance.manager.ready() === undefined));
    // A leader may have ended meanwhile, as on a machine that stands still. Another one was begun then, and nobody would end this lag.
    if (this.replaced > replaced) return this.#dismiss(reign);
    this.#standBy = { ...reign, lag, takeover };
  }

  async #dismiss({ instance, proxy }: Reign): Promise<void> {
    await instance.stop();
    proxy.cut();
  }

  async stop(): Promise<void> {
    this.#present?.proxy.cut();
    await this.#present?.instance.stop();
  }

  async end(): Promise<void> {
    await this.#starting;
    for (const { proxy } of this.#reigns) proxy.cut();
    await Promise.all(this.#reigns.map(({ instance }) => instance.stop()));
    await this.#gate?.close();
  }

  /** By one of another release, which is at work when this resolves. */
  async replaceAtRest(release: Release): Promise<void> {
    this.#present?.proxy.cut();
    this.#replace(release);
    await (
      await this.atLast()
    ).manager.leading;
  }

  #replace(release: Release | undefined): void {
    if (release !== undefined) this.#operator = operatorsOf(this.#options.scenario)[release];
    this.replaced += 1;
    // What still runs of it can do nothing, as its proxy is cut, but give up its lease.
    void this.#present?.instance.stop();
    const standBy = this.#standBy;
    this.#standBy = undefined;
    this.#starting = this.#starting.then(() => (standBy === undefined ? this.start() : this.#takeOver(standBy)));
  }

  /** It is over when nothing lags any more: until then it may well write in vain. */
  async #takeOver({ instance, proxy, lag, takeover }: StandBy): Promise<void> {
    await instance.manager.leading;
    this.#present = { instance, proxy };
    await pause(takeover.forMs);
    if (lag.end()) this.#options.interference.fulfil(takeover);
    // Until all of it is heard it may look at a past that is less old.
    await pause(hearingMs);
  }

  async #begin(interference: Meddling): Promise<Reign> {
    const { laboratory, namespace, plan, trace, befell, outsiders } = this.#options;
    const instance = this.#reigns.length + 1;
    const proxy = await FaultProxy.start({
      ...{ access: laboratory.access, upstream: laboratory.upstream, trace, interference, instance, befell },
      needed: laboratory.needed,
      crashed: (release) => this.#replace(release),
      ...(this.#gate === undefined ? {} : { gate: this.#gate }),
    });
    const credentials = (await this.#gate?.credentialsFor(proxy.url)) ?? open(proxy.url);
    const isSuspicious = plan.faults.some((fault) => fault.kind === 'watch' && fault.how === 'black hole');
    const isLed = plan.faults.some(({ kind }) => kind === 'takeover');
    const lease = isLed ? { lease: laboratory.cluster } : {};
    const { settings, start } = this.#operator;
    const { feeds, listen } = outsiders.ears();
    const reign = { proxy, instance: await start({ credentials, namespace, settings, feeds, isSuspicious, ...lease }) };
    listen(reign.instance);
    this.#reigns.push(reign);
    if (isLed) void this.#succeed(reign);
    return reign;
  }

  /** On a machine that stands still for seconds the lease may be lost; a kubelet would start another process. */
  async #succeed({ instance }: Reign): Promise<void> {
    let hasLed = false;
    void instance.manager.leading.then(() => (hasLed = true));
    const death = await instance.died;
    const isPresent = this.#present?.instance === instance;
    if (death === undefined || !(isPresent || this.#standBy?.instance === instance)) return;
    const complaint = complaintOf(death, hasLed);
    if (complaint !== undefined) this.complaints.push(complaint);
    if (isPresent) this.#replace(undefined);
  }
}
