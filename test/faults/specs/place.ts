/** A namespace with an operator, a kubelet by script and one declared object: what a user sees of it. */
import { randomUUID } from 'node:crypto';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { labels } from '../../../operator/api/names.ts';
import { distillationJobs, modelServices, trainingJobs } from '../../../operator/api/resources.ts';
import type { Autoscaler } from '../../../operator/autoscaler/loop.ts';
import type { Condition, KubeObject, Resource } from '../../../operator/kernel/objects.ts';
import type { ServingFeeds } from '../../../operator/serving/reconciler.ts';
import type { LoadFailure } from '../../../operator/serving/trouble.ts';
import type { RawApi } from '../../support/raw-api.ts';
import { createNamespace, removeNamespace } from '../../support/cluster-scoped.ts';
import { settings } from '../../support/runs.ts';
import { difference, endState, heardIn, newsIn, stateOf, versionsOf } from '../end-state.ts';
import { unscheduled } from '../courses.ts';
import { fixed, startInstance, type Instance } from '../instance.ts';
import { writesAtRest } from '../quiescence.ts';
import type { Laboratory } from '../laboratory.ts';
import { scenarios } from '../scenarios.ts';
import { playKubelet, type PodScript, type ScriptedKubelet } from '../scripted-kubelet.ts';
import { had, until } from '../until.ts';
import type { Plural } from './arbitrary.ts';
import { brokenArtefacts, teacherName, teacherSpec } from './declarations.ts';
import { autoscalerOf, startQuietGateway, type QuietGateway } from './quiet-gateway.ts';
import { noNodesMemory } from './jobs.ts';
import type { Json } from './rules.ts';
import { declare, type Said, type Target } from './user.ts';

export interface Rooted extends KubeObject {
  readonly spec: Json;
  readonly status?: Json & { readonly phase?: string; readonly conditions?: readonly Condition[] };
}

/** Says when a look has found what was waited for; otherwise what is missing. */
export type Expectation = (object: Rooted) => string | undefined;

const never = new AbortController().signal;
const quietMs = 500;
const lookEveryMs = 120;

const scriptNamed = (life: string): PodScript => scenarios.find(({ name }) => name === life)!.script;

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
}
const containerOf = (pod: Pod): Container | undefined =>
  (pod.spec?.containers as readonly Container[] | undefined)?.[0];
const memoryOf = (pod: Pod): string | undefined => containerOf(pod)?.resources?.requests?.['memory'];
const uriOf = (pod: Pod): string =>
  containerOf(pod)?.env?.find(({ name }) => name === 'LIMBECK_MODEL_URI')?.value ?? '';

/** Jobs succeed, or run on, but for the teacher and for those that find no room; replicas, which are no attempt, run on. */
const scriptOf =
  (runsOn: boolean): PodScript =>
  (attempt, rank, pod) => {
    if (memoryOf(pod) === noNodesMemory) return unscheduled;
    const training = pod.metadata.labels?.[labels.trainingJob];
    if (attempt === 0 || (runsOn && training !== teacherName)) return undefined;
    return scriptNamed(training === undefined ? 'distillation' : 'training')(attempt, rank, pod);
  };
const failureOf = (pod: Pod) => brokenArtefacts.find(({ artefact }) => artefact.uri === uriOf(pod));
const resources: Readonly<Record<Plural, Resource>> = {
  trainingjobs: trainingJobs,
  distillationjobs: distillationJobs,
  modelservices: modelServices,
};

export interface PlaceOptions {
  readonly laboratory: Laboratory;
  readonly api: RawApi;
  readonly what: Omit<Target, 'namespace'>;
  /** The pods of the declared job never end. */
  readonly runsOn?: boolean;
}

export class Place {
  readonly #options: PlaceOptions;
  readonly #target: Target;
  readonly #closing = new AbortController();
  #instance: Instance | undefined;
  #kubelet: ScriptedKubelet | undefined;
  #gateway: QuietGateway | undefined;
  #autoscaler: Autoscaler | undefined;
  /** Of the service that the autoscaler was last asked about. */
  #uid = '';
  /** What there is before anything is declared. */
  #atFirst: readonly string[] = [];
  /** By UID of the pod; the operator's caches do not have what a pod is to load. */
  readonly #said = new Map<string, LoadFailure | undefined>();

  constructor(options: PlaceOptions) {
    this.#options = options;
    this.#target = { ...options.what, namespace: `specs-${randomUUID().slice(0, 8)}` };
  }

  get #namespace(): string {
    return this.#target.namespace;
  }

  async open(withTeacher: boolean): Promise<void> {
    const { laboratory, runsOn = false } = this.#options;
    const { cluster, access, hand } = laboratory;
    await had('a namespace', () => createNamespace(cluster, this.#namespace));
    this.#gateway = await startQuietGateway();
    this.#instance = startInstance({
      ...{ credentials: fixed(access), namespace: this.#namespace, settings, feeds: this.#feeds },
    });
    this.#autoscaler = autoscalerOf(this.#instance, this.#gateway, this.#closing.signal);
    const isReady = (pod: Pod): boolean => {
      const failure = failureOf(pod);
      if (failure !== undefined) this.#said.set(pod.metadata.uid ?? '', failure.says);
      return failure === undefined;
    };
    this.#kubelet = playKubelet(cluster, this.#namespace, hand, scriptOf(runsOn), { isReady });
    if (withTeacher) await this.teach();
    this.#atFirst = await this.state();
  }

  /** A job that makes a model is there, and has made it. */
  async teach(): Promise<void> {
    const teacher: Target = { plural: 'trainingjobs', namespace: this.#namespace, name: teacherName };
    await this.#declare(teacher, teacherSpec);
    const hasSucceeded: Expectation = ({ status }) => (status?.phase === 'Succeeded' ? undefined : 'no teacher yet');
    await this.#until(hasSucceeded, trainingJobs, teacherName);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#gateway?.close();
    this.#kubelet?.stop();
    await this.#instance?.stop();
    const { cluster } = this.#options.laboratory;
    await had('the end of the namespace', () => removeNamespace(cluster, this.#namespace));
  }

  declare(spec: Json): Promise<Said> {
    return this.#declare(this.#target, spec);
  }

  /** Deletes what is declared, and waits until all that was made for it is gone. */
  async clear(): Promise<void> {
    const { cluster } = this.#options.laboratory;
    const key = { namespace: this.#namespace, name: this.#target.name };
    await had('a deletion', () => cluster.remove({ resource: this.#resource, key }, never));
    const isGone = async (): Promise<boolean> =>
      (await this.apart((state) => difference(this.#atFirst, state))).length === 0;
    await until('all of it is gone', isGone, { everyMs: 300 });
  }

  #declare(target: Target, spec: Json): Promise<Said> {
    return had('an answer', () => declare(this.#options.api, target, spec));
  }

  get #feeds(): ServingFeeds {
    return {
      recommendation: (uid) => {
        this.#uid = uid;
        return this.#autoscaler?.recommendationFor(uid);
      },
      loadFailure: (pod) => this.#said.get(pod.metadata.uid ?? ''),
    };
  }

  /** The last words of the operator. */
  log(): string {
    return this.#instance?.lines.slice(-12).join('\n') ?? '';
  }

  async get(resource: Resource = this.#resource, name = this.#target.name): Promise<Rooted> {
    return (await this.#options.laboratory.cluster.get(
      resource,
      { namespace: this.#namespace, name },
      never,
    )) as Rooted;
  }

  state(): Promise<readonly string[]> {
    return had('the state', () => endState(this.#options.laboratory.cluster, this.#namespace));
  }

  /** In what the state differs. The API server is asked only when what was heard does not. */
  async apart(differences: (state: readonly string[]) => readonly string[]): Promise<readonly string[]> {
    const heard = differences(stateOf(heardIn(this.#options.laboratory.heard, this.#namespace), this.#namespace));
    return heard.length > 0 ? heard : differences(await this.state());
  }

  /** Waits until it is as expected, and nobody has written anything for a while. */
  rest(expected: Expectation): Promise<void> {
    let quietSinceMs = performance.now();
    let before = this.#versions();
    let lacks: string | undefined = 'there are always writes';
    const isAtRest = async (): Promise<boolean> => {
      const now = this.#versions();
      if (now !== before) quietSinceMs = performance.now();
      before = now;
      // Controllers that are late have yet to act upon what looks done: both must hold at once.
      if (performance.now() - quietSinceMs < quietMs) return false;
      lacks = await this.#lack(expected, this.#resource, this.#target.name);
      return lacks === undefined;
    };
    return this.#wait(isAtRest, () => lacks);
  }

  /** How often the operator writes when there is nothing to do. */
  writesAtRest(atRest: Expectation): Promise<number> {
    const key = { namespace: this.#namespace, name: this.#target.name };
    const instance = this.#instance!;
    return writesAtRest({
      instance,
      before: instance.writes(),
      isReplaced: () => false,
      poke: () => instance.manager.poke(this.#resource.kind.toLowerCase(), key),
      news: () => `${newsIn(heardIn(this.#options.laboratory.heard, this.#namespace))} ${this.#advice()}`,
      rest: () => this.rest(atRest),
    });
  }

  /** What the autoscaler says of the service. It, too, may be late on a busy machine, and is rightly answered then. */
  #advice(): string {
    return JSON.stringify(this.#autoscaler?.recommendationFor(this.#uid) ?? 'nothing yet');
  }

  get #resource(): Resource {
    return resources[this.#target.plural];
  }

  #until(expected: Expectation, resource: Resource, name: string): Promise<void> {
    let lacks: string | undefined = 'it was not looked at';
    const isSo = async (): Promise<boolean> => {
      lacks = await this.#lack(expected, resource, name);
      return lacks === undefined;
    };
    return this.#wait(isSo, () => lacks);
  }

  /** Here, too, nobody is asked before the object that was heard of is as expected. */
  async #lack(expected: Expectation, resource: Resource, name: string): Promise<string | undefined> {
    const heard = this.#options.laboratory.heard.get(resource, { namespace: this.#namespace, name });
    const lack = heard === undefined ? 'it is not heard of' : expected(heard as Rooted);
    return lack ?? expected(await this.get(resource, name));
  }

  async #wait(look: () => Promise<boolean>, lacks: () => string | undefined): Promise<void> {
    try {
      await until('rest', look, { everyMs: lookEveryMs });
    } catch (error) {
      throw new Error(`${String(error)}: ${lacks() ?? ''}; ${await this.#found()}`, { cause: error });
    }
  }

  #versions(): string {
    return versionsOf(heardIn(this.#options.laboratory.heard, this.#namespace));
  }

  async #found(): Promise<string> {
    const found = await this.get().catch(String);
    return `${JSON.stringify(found)}\n${this.log()}`;
  }
}
