/** What users and administrators do in the namespace of a run, one deed after the other. */
import { trainingJobs } from '../../operator/api/resources.ts';
import { ApiError, type Cluster } from '../../operator/kernel/cluster.ts';
import type { Condition, Resource } from '../../operator/kernel/objects.ts';
import { createNamespace, namespaces, removeNamespace } from '../support/cluster-scoped.ts';
import { removeInForeground } from './foreground.ts';
import type { Deed } from './interference.ts';
import type { Laboratory } from './laboratory.ts';
import type { Rooted, Scenario } from './scenario.ts';
import { until } from './until.ts';

const never = new AbortController().signal;
const quotas: Resource = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', namespaced: true };
const quotaName = 'nothing-more';
const exceeded = /exceeded quota|status unknown for quota/;

const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.code === 'notFound';

type Workplace = Pick<Laboratory, 'cluster' | 'heard' | 'access' | 'upstream'>;

export class People {
  readonly #laboratory: Workplace;
  readonly #cluster: Cluster;
  readonly #scenario: Scenario;
  readonly #namespace: string;
  #deeds: Promise<void> = Promise.resolve();
  #begun = 0;

  constructor(laboratory: Workplace, scenario: Scenario, namespace: string) {
    this.#laboratory = laboratory;
    this.#cluster = laboratory.cluster;
    this.#scenario = scenario;
    this.#namespace = namespace;
  }

  /** How many deeds they have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Begun at once, done when `stored` is. Resolves when the API server has taken it, though it may have consequences. */
  befall(deed: Deed, stored: Promise<unknown>): Promise<void> {
    this.#begun += 1;
    if (deed === 'terminate') return this.#terminate(stored);
    return this.#inTurn(async () => {
      await stored;
      const { spec } = (await this.found()) ?? this.#scenario.object;
      await this.delete(deed === 'delete in the foreground');
      if (deed === 'recreate') await this.create(spec);
    });
  }

  /** Resolves when whatever they have begun is done. */
  idle(): Promise<void> {
    return this.#deeds;
  }

  /**
   * Whether the object, or its absence, is as it should be, and not that of a moment before somebody's deed. The API server is
   * asked only when what was heard is right: dozens of lives are looked at four times a second.
   */
  async find(isSo: (object: Rooted | undefined) => boolean): Promise<boolean> {
    const before = this.#begun;
    await this.idle();
    if (!isSo(this.#laboratory.heard.get(this.#scenario.resource, this.#key) as Rooted | undefined)) return false;
    const object = await this.found();
    return before === this.#begun && isSo(object);
  }

  change(change: Scenario['changes'][number], isGone: () => boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (isGone()) return;
      const root = await this.root();
      const changed: Rooted = { ...root, spec: change(root.spec) };
      await this.#cluster.update(this.#scenario.resource, changed, never);
    });
  }

  /** Whose model the object takes; no operator is there yet that would train it. Asked twice it is as good as once. */
  async createMaker(): Promise<void> {
    const { maker } = this.#scenario;
    if (maker === undefined) return;
    const named = { ...maker, metadata: { ...maker.metadata, namespace: this.#namespace } };
    await this.#cluster.apply(trainingJobs, named, never);
    await this.#cluster.applyStatus(trainingJobs, named, never);
  }

  async create(spec = this.#scenario.object.spec): Promise<void> {
    const { object, resource } = this.#scenario;
    const metadata = { ...object.metadata, namespace: this.#namespace };
    const created: Rooted = { ...object, metadata, spec };
    await this.#cluster.create(resource, created, never);
  }

  /** For good, and what its model came from: no life that is made again has such a job. */
  async delete(isInForeground = false): Promise<void> {
    const whom = { resource: this.#scenario.resource, key: this.#key };
    await (isInForeground ? removeInForeground(this.#laboratory, whom) : this.#cluster.remove(whom, never));
    const { maker } = this.#scenario;
    const key = { namespace: this.#namespace, name: maker?.metadata.name ?? '' };
    if (maker !== undefined) await this.#cluster.remove({ resource: trainingJobs, key }, never);
  }

  async root(): Promise<Rooted> {
    return (await this.#cluster.get(this.#scenario.resource, this.#key, never)) as Rooted;
  }

  /** Undefined when there is none. */
  found(): Promise<Rooted | undefined> {
    return this.root().catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  }

  /** From here on the API server refuses any other object of the kind that `counts` names. */
  async forbid(counts: string): Promise<void> {
    const metadata = { name: quotaName, namespace: this.#namespace };
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { [counts]: '0' } } };
    await this.#cluster.create(quotas, quota, never);
  }

  async allow(): Promise<void> {
    const key = { namespace: this.#namespace, name: quotaName };
    await this.#cluster.remove({ resource: quotas, key }, never);
  }

  /** Did the operator tell the user, in a condition, that a quota is in the way? A job that has no pods can but guess. */
  async toldOfQuota(): Promise<boolean> {
    const { status } = await this.root();
    const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly Condition[] };
    return conditions.some(({ reason, message }) => exceeded.test(message) || reason === 'NoPods');
  }

  get #key(): { namespace: string; name: string } {
    return { namespace: this.#namespace, name: this.#scenario.object.metadata.name };
  }

  /** Everything in it goes with it; whoever comes next finds the name free. */
  #terminate(stored: Promise<unknown>): Promise<void> {
    let spec = this.#scenario.object.spec;
    const begun = this.#inTurn(async () => {
      await stored;
      ({ spec } = await this.root());
      await removeNamespace(this.#cluster, this.#namespace);
    });
    void this.#inTurn(async () => {
      await until('the namespace is gone', () => this.#isNamespaceGone(), { withinMs: 600_000 });
      await until('the object is there again', () => this.#startAgain(spec));
    });
    return begun;
  }

  /** A busy API server may still take the new namespace for the old one, which ends. */
  async #startAgain(spec: Rooted['spec']): Promise<boolean> {
    if ((await this.found()) !== undefined) return true;
    await createNamespace(this.#cluster, this.#namespace);
    await this.create(spec);
    return true;
  }

  #isNamespaceGone(): Promise<boolean> {
    const key = { namespace: '', name: this.#namespace };
    return this.#cluster.get(namespaces, key, never).then(() => false, isNotFound);
  }

  #inTurn(deed: () => Promise<void>): Promise<void> {
    const done = this.#deeds.then(deed);
    this.#deeds = done.catch(() => undefined);
    return done;
  }
}
