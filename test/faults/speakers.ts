/**
 * Plays what pods answer when they are asked, by a script: rank 0 of an attempt how far it is, a server why it does not get
 * ready. Each says one thing, until a status tells it, and then nobody reaches it any more: who has heard it knows it for as
 * long as the pod is there, and who begins to lead later hears nothing, and has to keep what is stored. Workers do not end
 * before. So an end tells all that was ever said, whoever has heard it, and it is never chance what that is.
 */
import type { Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { pods } from '../../operator/api/resources.ts';
import type { Condition, KubeObject } from '../../operator/kernel/objects.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import type { LoadFailure } from '../../operator/serving/trouble.ts';
import type { RunNews, RunStatus } from '../../operator/workloads/run.ts';
import type { Rooted, Scenario } from './scenario.ts';

export type Speaking = Pick<Scenario, 'resource' | 'object' | 'news' | 'mayEnd' | 'loadFailure'>;

export interface Where {
  readonly namespace: string;
  /** What is in all namespaces, a moment late, and whole. */
  readonly heard: Cache;
}

/** As much of a status as may tell what was said. */
type Status = Pick<RunStatus, 'attempts' | 'training' | 'checkpoint'> & {
  readonly phase?: string;
  readonly conditions?: readonly Condition[];
};

export class Speakers {
  readonly #script: Speaking;
  readonly #where: Where;
  /** Attempts, and replicas by name, of which a status has told what they say. */
  readonly #told = new Set<string>();

  constructor(script: Speaking, where: Where) {
    this.#script = script;
    this.#where = where;
  }

  /** Whether nobody has ever anything to say. */
  get areSilent(): boolean {
    return this.#script.news === undefined && this.#script.loadFailure === undefined;
  }

  /** Whether a pod that runs passes its probes. */
  readonly isReady = (whole: Pod): boolean => this.#script.loadFailure?.(whole) === undefined;

  readonly mayEnd = (pod: Pod): boolean => {
    const { mayEnd } = this.#script;
    const root = mayEnd && this.#rootOf(pod, this.#where.heard);
    return this.hasSaidAll(pod) && (mayEnd === undefined || (root !== undefined && mayEnd(root)));
  };

  /** Whether nothing is left to be told of its attempt. */
  readonly hasSaidAll = (pod: Pod): boolean => this.newsOf(pod) === undefined || this.#isTold(pod);

  /** What rank 0 of its attempt says. */
  newsOf(pod: Pod): RunNews | undefined {
    const attempt = pod.metadata.labels?.[labels.attempt];
    return attempt === undefined ? undefined : this.#script.news?.(Number(attempt));
  }

  /** What this server says: operators do not keep what a pod is to load. */
  failureOf({ metadata: { name } }: Pod): LoadFailure | undefined {
    const { namespace, heard } = this.#where;
    const { loadFailure } = this.#script;
    const whole = loadFailure && heard.get(pods, { namespace, name });
    return whole && loadFailure(whole);
  }

  /** Whether it has something to say to whoever sees this, and can be reached. */
  answers(pod: Pod, cache: Cache): boolean {
    if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined) return false;
    const rank = pod.metadata.labels?.[labels.completionIndex];
    const isTrainer = rank === '0' && this.newsOf(pod) !== undefined && this.#isAtWork(pod, cache);
    return (isTrainer || this.failureOf(pod) !== undefined) && !this.#isTold(pod);
  }

  /** Not before its attempt is told to run, or the two would now and then be told at once: how much is written is no chance. */
  #isAtWork(pod: Pod, cache: Cache): boolean {
    const { phase, attempts = [] }: Status = this.#rootOf(pod, cache)?.status ?? {};
    return phase === 'Running' && String(attempts.at(-1)?.number) === pod.metadata.labels?.[labels.attempt];
  }

  /** What is stored; a status that tells what somebody says has told it once and for all, however soon it is overwritten. */
  readonly witness = (stored: KubeObject & { readonly status?: Status }): void => {
    const { kind, metadata, status = {} } = stored;
    if (kind !== this.#script.resource.kind || metadata.namespace !== this.#where.namespace) return;
    const { number = 0 } = status.attempts?.at(-1) ?? {};
    const news = this.#script.news?.(number);
    const isTold = status.training?.step === news?.training.step && status.checkpoint?.step === news?.checkpoint?.step;
    if (news !== undefined && isTold) this.#told.add(attemptOf(metadata.uid, number));
    const { reason, message = '' } = status.conditions?.find(({ type }) => type === 'Progressing') ?? {};
    const [, server] = /^pod (\S+): /.exec(message) ?? [];
    if (reason === 'LoadFailed' && server !== undefined) this.#told.add(server);
  };

  #isTold({ metadata: { name, labels: own = {} } }: Pod): boolean {
    const attempt = own[labels.attempt];
    return this.#told.has(attempt === undefined ? name : attemptOf(own[labels.root], Number(attempt)));
  }

  /** The very object that the pod was made for, as somebody sees it. */
  #rootOf({ metadata }: Pod, cache: Cache): Rooted | undefined {
    const { resource, object } = this.#script;
    const key = { namespace: this.#where.namespace, name: object.metadata.name };
    const root = cache.get(resource, key) as Rooted | undefined;
    return root?.metadata.uid === metadata.labels?.[labels.root] ? root : undefined;
  }
}

/** All workers of an attempt speak by rank 0; replicas, whose names nobody else ever has, each for itself. */
const attemptOf = (root = '', attempt: number): string => `${root}/${String(attempt)}`;

/** What one operator has heard of them. */
export class Hearing {
  readonly #speakers: Speakers;
  readonly #cache: Cache;
  readonly #namespace: string;
  /** By UID of the pod. */
  readonly #heard = new Set<string>();

  constructor(speakers: Speakers, cache: Cache, namespace: string) {
    this.#speakers = speakers;
    this.#cache = cache;
    this.#namespace = namespace;
  }

  /** Asks whoever it sees, and has not heard yet; the UIDs of all that it has heard so far. */
  ask(): readonly string[] {
    for (const pod of this.#cache.list(pods, this.#namespace))
      if (this.#speakers.answers(pod, this.#cache)) this.#heard.add(pod.metadata.uid ?? '');
    return [...this.#heard];
  }

  /** Of the newest attempt of this job. */
  news(root: string): RunNews | undefined {
    return this.#cache
      .list(pods, this.#namespace)
      .filter((pod) => this.#knows(pod) && pod.metadata.labels?.[labels.root] === root)
      .flatMap((pod) => this.#speakers.newsOf(pod) ?? [])
      .toSorted((one, other) => one.attempt - other.attempt)
      .at(-1);
  }

  loadFailure(pod: Pod): LoadFailure | 'unheard' {
    return (this.#knows(pod) ? this.#speakers.failureOf(pod) : undefined) ?? 'unheard';
  }

  #knows({ metadata: { uid = '', deletionTimestamp } }: Pod): boolean {
    return deletionTimestamp === undefined && this.#heard.has(uid);
  }
}
