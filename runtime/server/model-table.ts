/**
 * The models that there are: those in the table, by name and version, which are asked; those that are tried before they get
 * there; and those that have left it and end when they have answered all that they were given.
 */
import type { Arrival } from './memory.ts';
import type { Model } from './model.ts';
import type { NotReady } from './repository.ts';

/** Lives as long as the engine. */
export class ModelTable {
  /** Versions of a name, newest first. */
  readonly #byName = new Map<string, readonly Model[]>();
  readonly #tried = new Set<Model>();
  readonly #retiring = new Map<Model, Promise<void>>();
  #stopped = false;

  /** Whether all are to end, so that no more are loaded. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** All in the table, by name, newest version first. */
  get models(): readonly Model[] {
    return [...this.#byName.values()].flat();
  }

  /** All that have left the table and have not ended yet. */
  get retiring(): readonly Model[] {
    return [...this.#retiring.keys()];
  }

  /** All in the table, and of those that have left it and have not ended yet the versions that nobody else is. */
  get counted(): readonly Model[] {
    const left = this.retiring.map((model) => [`${model.name}/${model.version}`, model] as const);
    const there = this.models.map((model) => [`${model.name}/${model.version}`, model] as const);
    return [...new Map([...left, ...there]).values()];
  }

  /** The versions of a model, newest first; empty when there is none. */
  versionsOf(name: string): readonly Model[] {
    return this.#byName.get(name) ?? [];
  }

  /** Who answers for a name where no version is named: the newest that has been loaded, and before that the newest. */
  newestOf(name: string): Model | undefined {
    const versions = this.versionsOf(name);
    return versions.find(({ facts }) => facts !== undefined) ?? versions[0];
  }

  /** Loads one that nobody asks yet; undefined when it answers, otherwise why it does not. It is set or discarded after. */
  try(model: Model, arrival: Arrival): Promise<NotReady | undefined> {
    this.#tried.add(model);
    return model.tryStart(arrival);
  }

  /** Ends one that was tried in vain. */
  async discard(model: Model): Promise<void> {
    await model.stop();
    this.#tried.delete(model);
  }

  /** Puts the versions of a name in the table, at once; resolves when those that were there before and are no longer have ended. */
  async set(name: string, models: readonly Model[]): Promise<void> {
    const gone = this.versionsOf(name).filter((model) => !models.includes(model));
    const newestFirst = [...models].sort((a, b) => Number(b.version) - Number(a.version));
    if (newestFirst.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, newestFirst);
    for (const model of models) this.#tried.delete(model);
    await Promise.all(gone.map((model) => this.#retire(model)));
  }

  /** Stops all that are in the table or tried. A session that is being opened as the process ends would abort it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.models, ...this.#tried].map((model) => model.stop()));
  }

  /** Resolves when all that have left the table have ended. */
  async retired(): Promise<void> {
    await Promise.all(this.#retiring.values());
  }

  async #retire(model: Model): Promise<void> {
    const end = model.retire();
    this.#retiring.set(model, end);
    await end.finally(() => this.#retiring.delete(model));
  }
}
