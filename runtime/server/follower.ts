/** Follows a repository that changes by itself: what is new in it is loaded, and what is no longer there leaves. */
import type { Log } from '../../process/logger.ts';
import { loadDelayMs } from './backoff.ts';
import type { Arrival } from './memory.ts';
import type { Model } from './model.ts';
import type { ModelTable } from './model-table.ts';
import type { ModelSource } from './repository.ts';

/** What following needs of the engine. */
export interface FollowerOptions {
  readonly create: (source: ModelSource) => Model;
  readonly log: Log;
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A source that could not be loaded, and until when it is left alone unless it changes. */
interface Failed {
  readonly stamp: string;
  readonly until: number;
}

const keyOf = ({ name, version }: ModelSource): string => `${name}/${version}`;

/** Lives as long as the engine. */
export class Follower {
  readonly #table: ModelTable;
  readonly #options: FollowerOptions;
  /** Names that are being followed: they are looked at again when that is over. */
  readonly #busy = new Set<string>();
  readonly #failed = new Map<string, Failed>();

  constructor(table: ModelTable, options: FollowerOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Makes of the table what the repository has now, except for names that are still under way since the last time. Failures are
   * retried for ever.
   */
  async follow(sources: readonly ModelSource[]): Promise<void> {
    const names = new Set([...this.#table.models, ...sources].map(({ name }) => name));
    const idle = [...names].filter((name) => !this.#busy.has(name));
    await Promise.all(idle.map((name) => this.#alone(name, sources)));
  }

  /**
   * Loads a version in the place of the one that it has been so far, or beside the others. Where requests are answered they
   * go on being answered as before until the new one answers, which a file that is still being written never does.
   */
  async bring(source: ModelSource, predecessor?: Model): Promise<void> {
    const versions = this.#table.versionsOf(source.name);
    const others = versions.filter((other) => other !== predecessor);
    const answered = versions.some(({ notReady }) => notReady === undefined);
    if (answered && this.#isLeftAlone(source)) return;
    const model = this.#options.create(source);
    const arrival = { replaced: predecessor === undefined ? [] : [predecessor], mayEvict: false };
    if (!answered) model.start(arrival);
    else if (!(await this.#answers(model, source, arrival))) return;
    await this.#table.set(source.name, [...others, model]);
  }

  async #alone(name: string, sources: readonly ModelSource[]): Promise<void> {
    this.#busy.add(name);
    await this.#followName(name, sources).finally(() => this.#busy.delete(name));
  }

  async #followName(name: string, all: readonly ModelSource[]): Promise<void> {
    const sources = all.filter((source) => source.name === name);
    const kept = sources.map((source) =>
      this.#table.versionsOf(name).find(({ version }) => version === source.version),
    );
    await this.#table.set(
      name,
      kept.filter((model) => model !== undefined),
    );
    for (const [index, source] of sources.entries()) {
      if (this.#table.stopped) return;
      if (kept[index]?.stamp !== source.stamp) await this.bring(source, kept[index]);
    }
  }

  #isLeftAlone(source: ModelSource): boolean {
    const failed = this.#failed.get(keyOf(source));
    return failed?.stamp === source.stamp && this.#options.now() < failed.until;
  }

  async #answers(model: Model, source: ModelSource, arrival: Arrival): Promise<boolean> {
    const failure = await this.#table.try(model, arrival);
    this.#failed.delete(keyOf(source));
    if (failure === undefined) return true;
    await this.#table.discard(model);
    const retryInMs = loadDelayMs(failure.reason, 1, this.#options.random());
    this.#failed.set(keyOf(source), { stamp: source.stamp, until: this.#options.now() + retryInMs });
    const { name, version } = source;
    const { reason, message: error } = failure;
    this.#options.log.warn('model not loaded', { model: name, version, reason, error, retryInMs });
    return false;
  }
}
