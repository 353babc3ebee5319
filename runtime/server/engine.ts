/**
 * All models of the process by name and version: look up, readiness, and what changes while it runs. A model that is
 * replaced or unloaded leaves the table at once and ends when it has answered all that it was given: no request is dropped.
 *
 * Under a budget models are loaded one after another, and those that nobody uses make room, the least recently used first,
 * until they are asked for again.
 */
import { sentenceOf } from '../../process/logger.ts';
import { Budget, type NewModels } from './budget.ts';
import { indexEntryOf, type IndexEntry } from './descriptions.ts';
import type { ModelFacts } from './loader.ts';
import { Model, type ModelOptions } from './model.ts';
import { invalid, Refusal, unavailable } from './protocol/errors.ts';
import type { ModelSource, NotReady, Repository } from './repository.ts';
import { Turns } from './turns.ts';

/** Who decides what is loaded: nobody after the start, whoever asks, or the folder, which is looked at now and then. */
export type ModelControl = 'none' | 'explicit' | 'poll';

/** How the engine runs its models. */
export interface EngineOptions extends ModelOptions {
  readonly modelControl: ModelControl;
  /** What all models together may take; undefined is whatever they need. */
  readonly modelsBytes?: number | undefined;
}

/** A model that answers. */
export interface ReadyModel {
  readonly model: Model;
  readonly facts: ModelFacts;
}

/** The models that this process serves. */
export class Engine {
  readonly budget: Budget;
  readonly #repository: Repository;
  readonly #options: EngineOptions;
  /** Versions of a name, newest first. */
  readonly #byName = new Map<string, readonly Model[]>();
  readonly #turns = new Turns();
  readonly #retiring = new Set<Promise<void>>();
  readonly #onAdded: ((model: Model) => void)[] = [];
  /** Models that are asked for while they are away: all who ask wait for one load. */
  readonly #recalls = new Map<string, Promise<void>>();
  /** Undefined once all that fits has been loaded. */
  #filling: Promise<void> | undefined;
  #stopped = false;

  constructor(repository: Repository, options: EngineOptions) {
    this.#repository = repository;
    this.#options = options;
    this.budget = new Budget(options.modelsBytes);
  }

  /** Worker threads of each model. */
  get instances(): number {
    return this.#options.instances;
  }

  /** All models, by name, newest version first. */
  get models(): readonly Model[] {
    return [...this.#byName.values()].flat();
  }

  /** Undefined when every model is ready; otherwise one sentence about the first that is not. */
  get notReady(): string | undefined {
    if (this.#filling !== undefined) return 'the models of the folder are being loaded';
    for (const { name, notReady } of this.models) {
      if (notReady !== undefined) return `model '${name}' is not ready: ${notReady.reason}: ${notReady.message}`;
    }
    const empty = this.#byName.size === 0 && this.#options.modelControl === 'none';
    return empty ? 'there is no model to serve' : undefined;
  }

  /** The versions of a model, newest first; empty when there is none. */
  versionsOf(name: string): readonly Model[] {
    return this.#byName.get(name) ?? [];
  }

  /** A model, or its newest version when none is named. Refuses with 404. */
  find(name: string, version?: string): Model {
    const versions = this.versionsOf(name);
    const model = version === undefined ? versions[0] : versions.find((candidate) => candidate.version === version);
    if (model !== undefined) return model;
    const what = versions.length === 0 ? `model '${name}'` : `version '${version ?? ''}' of model '${name}'`;
    const absence = this.budget.absence(name);
    throw new Refusal({ kind: 'notFound' }, `there is no ${what}${absence === undefined ? '' : `: ${absence.why}`}`);
  }

  /** As `find`, and refuses with 503 while the model has not been loaded. */
  ready(name: string, version?: string): ReadyModel {
    const model = this.find(name, version);
    const { facts, notReady } = model;
    if (facts === undefined) throw unavailable(`the model is not ready: ${notReady?.message ?? ''}`);
    if (this.budget.limited) model.usedAt = this.#options.now();
    return { model, facts };
  }

  /**
   * Brings a model back that lacks nothing but room; resolves when it answers, and is undefined for every other. Refuses
   * with 503 where those in use leave no room, or where it cannot be loaded any more.
   */
  recall(name: string): Promise<void> | undefined {
    if (!this.budget.limited || this.#byName.has(name) || this.budget.absence(name)?.returns !== true) return undefined;
    const recall = this.#recalls.get(name) ?? this.#recalled(name).finally(() => this.#recalls.delete(name));
    this.#recalls.set(name, recall);
    return recall;
  }

  /** Tells of every model, of those there are and of those to come. */
  onAdded(tell: (model: Model) => void): void {
    this.#onAdded.push(tell);
    this.models.forEach(tell);
  }

  /** Starts loading everything that the repository has, all at once. Throws when it cannot be read. */
  async start(): Promise<void> {
    const sources = await this.#repository.list();
    if (this.budget.limited) this.#filling = this.#fill([...new Set(sources.map(({ name }) => name))]);
    else for (const source of sources) this.#add(source).start();
  }

  /** Every model that is served or could be. */
  async index(): Promise<readonly IndexEntry[]> {
    const served = this.models.map((model) => indexEntryOf(model, model.notReady));
    const known = new Set(served.map(({ name, version }) => `${name}/${version}`));
    const others = (await this.#repository.list()).filter(({ name, version }) => !known.has(`${name}/${version}`));
    return [...served, ...others.map((source) => indexEntryOf(source, this.#unloaded(source)))];
  }

  /** Serves what the repository now has of a model, once it is loaded. Refuses, and changes nothing, when that fails. */
  load(name: string): Promise<void> {
    this.#requireExplicit();
    return this.#loadInTurn(name, true);
  }

  /** Serves a model no longer; resolves when its last request has been answered. */
  unload(name: string): Promise<void> {
    this.#requireExplicit();
    return this.#turns.take(this.#turnOf(name), async () => {
      const isAway = this.budget.absence(name)?.returns === true;
      this.budget.forget(name);
      if (this.versionsOf(name).length > 0) await this.#set(name, []);
      else if (!isAway) throw new Refusal({ kind: 'notFound' }, `model '${name}' is not loaded`);
    });
  }

  /** Follows the repository: loads what is new or has changed, unloads what has gone. Failures are retried for ever. */
  async rescan(): Promise<void> {
    const sources = await this.#repository.list();
    const names = new Set([...this.#byName.keys(), ...sources.map(({ name }) => name)]);
    await Promise.all([...names].map((name) => this.#turns.take(name, () => this.#follow(name, sources))));
  }

  /** Ends all models; resolves when no worker thread is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#filling;
    await Promise.all(this.models.map((model) => model.stop()));
    await Promise.all(this.#retiring);
  }

  #requireExplicit(): void {
    if (this.#options.modelControl === 'explicit') return;
    throw new Refusal({ kind: 'forbidden' }, 'this server does not load or unload models on request');
  }

  #create(source: ModelSource): Model {
    const model = new Model(source, this.#options);
    for (const tell of this.#onAdded) tell(model);
    return model;
  }

  #add(source: ModelSource): Model {
    const model = this.#create(source);
    void this.#set(source.name, [...this.versionsOf(source.name), model]);
    return model;
  }

  /** Puts the versions of a name in the table and retires those that were there before and are no longer. */
  async #set(name: string, models: readonly Model[]): Promise<void> {
    const gone = this.versionsOf(name).filter((model) => !models.includes(model));
    const newestFirst = [...models].sort((a, b) => Number(b.version) - Number(a.version));
    if (newestFirst.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, newestFirst);
    await Promise.all(gone.map((model) => this.#retire(model)));
  }

  async #retire(model: Model): Promise<void> {
    const end = model.retire();
    this.#retiring.add(end);
    await end.finally(() => this.#retiring.delete(end));
  }

  #unchanged(source: ModelSource): Model | undefined {
    const found = this.versionsOf(source.name).find(({ version }) => version === source.version);
    return found?.stamp === source.stamp && found.notReady === undefined ? found : undefined;
  }

  #loadInTurn(name: string, mayEvict: boolean): Promise<void> {
    return this.#turns.take(this.#turnOf(name), async () => {
      const sources = (await this.#repository.list()).filter((source) => source.name === name);
      if (sources.length === 0) throw new Refusal({ kind: 'notFound' }, `the repository has no model '${name}'`);
      await this.#replace(name, sources, mayEvict);
    });
  }

  async #replace(name: string, sources: readonly ModelSource[], mayEvict: boolean): Promise<void> {
    const next = sources.map((source) => this.#unchanged(source) ?? this.#create(source));
    const fresh = next.filter((model) => !this.versionsOf(name).includes(model));
    await this.#makeRoom({ name, models: fresh, mayEvict });
    try {
      const failures = await Promise.all(fresh.map((model) => model.tryStart()));
      const failure = failures.find((found) => found !== undefined);
      if (failure !== undefined)
        throw invalid(`model '${name}' cannot be loaded: ${failure.reason}: ${failure.message}`);
      // Only now is it known what keys and values take.
      await this.#makeRoom({ name, models: fresh, mayEvict });
    } catch (error) {
      await Promise.all(fresh.map((model) => model.stop()));
      throw error;
    }
    this.budget.forget(name);
    await this.#set(name, next);
  }

  /** Under a budget one load at a time: each must know what the last one has left. */
  #turnOf(name: string): string {
    return this.budget.limited ? '' : name;
  }

  #unloaded({ name }: ModelSource): NotReady {
    return { reason: 'Unloaded', message: this.budget.absence(name)?.why ?? 'not loaded' };
  }

  /** Lets models go, so that new ones fit. All leave the table at once: who is idle now may be asked for while another ends. */
  async #makeRoom(newcomers: NewModels): Promise<void> {
    const leaving = this.budget.makeRoom(newcomers, this.models);
    await Promise.all(
      leaving.map((model) => {
        const { name, version } = model;
        this.#options.log.info('model makes room', { model: name, version, newcomer: newcomers.name });
        return this.#set(
          name,
          this.versionsOf(name).filter((other) => other !== model),
        );
      }),
    );
  }

  /** Loads one model after another, as far as the budget goes; the others can be asked for. */
  async #fill(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#stopped) break;
      await this.#loadInTurn(name, false).catch((error: unknown) => this.#keepAway(name, error));
    }
    this.#filling = undefined;
  }

  async #recalled(name: string): Promise<void> {
    try {
      await this.#loadInTurn(name, true);
    } catch (error) {
      this.#keepAway(name, error);
      throw unavailable(sentenceOf(error));
    }
  }

  /** What fails for another reason than others in its place would fail each time: that costs more than an answer may. */
  #keepAway(name: string, error: unknown): void {
    const returns = error instanceof Refusal && error.fault.kind === 'unavailable';
    this.budget.note(name, { why: sentenceOf(error), returns });
    this.#options.log.warn('model not loaded', { model: name, error: sentenceOf(error) });
  }

  /** A version that is new starts loading; one that has changed is replaced once its successor answers. */
  async #follow(name: string, all: readonly ModelSource[]): Promise<void> {
    const sources = all.filter((source) => source.name === name);
    const kept = sources.map((source) => this.versionsOf(name).find(({ version }) => version === source.version));
    await this.#set(
      name,
      kept.filter((model) => model !== undefined),
    );
    for (const [index, source] of sources.entries()) {
      const model = kept[index];
      if (model === undefined) this.#add(source).start();
      else if (model.stamp !== source.stamp) await this.#succeed(model, source);
    }
  }

  async #succeed(model: Model, source: ModelSource): Promise<void> {
    const successor = this.#create(source);
    const failure = model.notReady === undefined ? await successor.tryStart() : undefined;
    if (failure !== undefined) return successor.stop();
    if (model.notReady !== undefined) successor.start();
    const others = this.versionsOf(model.name).filter((other) => other !== model);
    await this.#set(model.name, [...others, successor]);
  }
}
