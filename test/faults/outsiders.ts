/**
 * Plays the autoscaler, the one who asks pods how they are, and a queue, by a script. Whoever has just begun to lead has
 * heard neither of the first two, hears both a moment later, and is woken whenever they say something else.
 */
import type { Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { pods } from '../../operator/api/resources.ts';
import { keyOf } from '../../operator/kernel/objects.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import type { Stall } from '../../operator/workloads/hang.ts';
import type { Feeds, Instance } from './instance.ts';
import type { Laboratory } from './laboratory.ts';
import { playQueue } from './queue.ts';
import type { Scenario } from './scenario.ts';
import { Hearing, Speakers } from './speakers.ts';

/** What one operator hears of them. */
export interface Ears {
  readonly feeds: Feeds;
  /** From now on it is told, a moment after it leads. */
  readonly listen: (instance: Pick<Instance, 'manager'>) => void;
}

type World = Pick<Laboratory, 'cluster' | 'heard' | 'onChange'>;

/** Less often than they speak in production; a crash finds the next operator without a word all the same. */
const speakEveryMs = 200;

export class Outsiders {
  readonly #scenario: Scenario;
  readonly #namespace: string;
  readonly #ending = new AbortController();
  readonly #speaking = new Set<NodeJS.Timeout>();
  readonly speakers: Speakers;
  readonly #endWitness: () => void = () => undefined;
  /** How many replicas the autoscaler wants; undefined: it has nothing to say in this life. */
  advised: number | undefined;

  constructor(scenario: Scenario, namespace: string, { cluster, heard, onChange }: World) {
    this.#scenario = scenario;
    this.#namespace = namespace;
    [this.advised] = scenario.advice ?? [];
    this.speakers = new Speakers(scenario, { namespace, heard });
    if (!this.speakers.areSilent) this.#endWitness = onChange(({ object }) => this.speakers.witness(object));
    if (scenario.isQueued) void playQueue({ cluster, namespace, heard }, this.#ending.signal);
  }

  ears(): Ears {
    let known: string | undefined;
    let cache: Cache | undefined;
    let hearing: Hearing | undefined;
    const feeds: Feeds = {
      recommendation: () =>
        known === undefined || this.advised === undefined
          ? undefined
          : { replicas: this.advised, reason: 'by the script' },
      loadFailure: (pod) => hearing?.loadFailure(pod) ?? 'unheard',
      news: (uid) => hearing?.news(uid),
      kueue: () => this.#scenario.isQueued === true,
      stall: (uid) => (known === undefined || cache === undefined ? undefined : this.#stallOf(uid, cache)),
    };
    const speak = ({ manager }: Pick<Instance, 'manager'>): void => {
      const standing = this.#standing(manager.cache).map(({ metadata }) => metadata.uid);
      const now = [String(this.advised), ...standing, 'heard', ...(hearing?.ask() ?? [])].join(' ');
      if (now === known) return;
      known = now;
      const { resource, object } = this.#scenario;
      manager.poke(
        resource.kind.toLowerCase(),
        keyOf({ ...object, metadata: { ...object.metadata, namespace: this.#namespace } }),
      );
    };
    const { advice, hangs } = this.#scenario;
    const isSilent = advice === undefined && hangs === undefined && this.speakers.areSilent;
    const listen = (instance: Pick<Instance, 'manager'>): void => {
      if (isSilent) return;
      cache = instance.manager.cache;
      hearing = new Hearing(this.speakers, cache, this.#namespace);
      void instance.manager.leading.then(() => this.#speaking.add(setInterval(() => speak(instance), speakEveryMs)));
    };
    return { feeds, listen };
  }

  /** They say and do nothing more. */
  end(): void {
    this.#ending.abort();
    this.#endWitness();
    for (const timer of this.#speaking) clearInterval(timer);
  }

  /** Its workers run, all of them, and make no steps. */
  #stallOf(uid: string, cache: Cache): Stall | undefined {
    const { hangs } = this.#scenario;
    const workers = this.#standing(cache).filter(({ metadata }) => metadata.labels?.[labels.root] === uid);
    if (hangs === undefined || workers.length < hangs.workers) return undefined;
    return { attempt: hangs.attempt, message: 'by the script, no worker makes a step' };
  }

  /** As far as this operator has heard of them: it asks no pod that it does not see. How far they were is told before. */
  #standing(cache: Cache): readonly Pod[] {
    const { hangs } = this.#scenario;
    if (hangs === undefined) return [];
    return cache
      .list(pods, this.#namespace)
      .filter(
        ({ metadata, status }) =>
          metadata.labels?.[labels.attempt] === String(hangs.attempt) && status?.phase === 'Running',
      )
      .filter(this.speakers.hasSaidAll);
  }
}
