/**
 * All models of the process by name and version: look up, readiness, and what changes while it runs. A model that is
 * replaced or unloaded leaves the table at once and ends when it has answered all that it was given: no request is dropped.
 *
 * Under a budget models are loaded one after another, and those that nobody uses make room, the least recently used first,
 * until they are asked for again.
 */
import { sentenceOf } from '../../process/logger.ts';
import { loadTogether } from './arrivals.ts';
import { Budget, type NewModels } from './budget.ts';
import { indexEntryOf, type IndexEntry } from './descriptions.ts';
import { Follower } from './follower.ts';
import type { ModelFacts } from './loader.ts';
import { Memory } from './memory.ts';
import { Model, type ModelOptions } from './model.ts';
import { ModelTable } from './model-table.ts';
import { Refusal, unavailable } from './protocol/errors.ts';
import { firstAbsent, firstPassedOver } from './readiness.ts';
import type { ModelSource, NotReady, Repository } from './repository.ts';
import { Turns } from './turns.ts';

/** Who decides what is loaded: nobody after the start, whoever asks, or the folder, which is looked at now and then. */
export type ModelControl = 'none' | 'explicit' | 'poll';

/** How the engine runs its models. */
export interface EngineOptions extends ModelOptions {
  readonly modelControl: ModelControl;
  /** What all models together may take; undefined is whatever they need. */
  readonly modelsBytes?: number | undefined;
  /** What the bodies of requests may take of the memory; undefined is nothing. */
  readonly maxBodiesBytes?: number;
}

/** A model that answers. */
export interface ReadyModel {
  readonly model: Model;
  readonly facts: ModelFacts;
}

/** What came of a turn: who has left the table ends after it, since others need not wait for their last answers. */
interface Change {
  readonly retired: Promise<void>;
}

const without = (models: readonly Model[], others: readonly Model[]): readonly Model[] =>
  models.filter((model) => !others.includes(model));

/** How a model comes: whether others may leave for it, and whether all of its versions must be loaded. */
interface Terms {
  readonly mayEvict: boolean;
  readonly whole: boolean;
}

const noChange: Change = { retired: Promise.resolve() };

/** The models that this process serves. */
export class Engine {
  readonly budget: Budget;
  readonly #repository: Repository;
  readonly #options: EngineOptions;
  readonly #memory: Memory;
  readonly #table = new ModelTable();
  readonly #follower: Follower;
  readonly #turns = new Turns();
  readonly #onAdded: ((model: Model) => void)[] = [];
  /** Models that are asked for while they are away: all who ask wait for one load. */
  readonly #recalls = new Map<string, Promise<void>>();
  /** Looks at the repository that were begun, and which of them was followed last. */
  #looks = 0;
  #followed = 0;
  /** Undefined once all that fits has been loaded. */
  #filling: Promise<void> | undefined;

  constructor(repository: Repository, options: EngineOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#memory = new Memory(options.memoryBytes, options.maxBodiesBytes);
    this.budget = new Budget(options.modelsBytes, this.#memory);
    this.#follower = new Follower(this.#table, { ...options, create: (source) => this.#create(source) });
  }

  /** All models, by name, newest version first. */
  get models(): readonly Model[] {
    return this.#table.models;
  }

  /** Whose counters are told: all models, and those that have left and still answer, unless others have their places and counters. */
  get counted(): readonly Model[] {
    return this.#table.counted;
  }

  /** Undefined when every model is ready; otherwise one sentence about the first that is not. */
  get notReady(): string | undefined {
    if (this.#filling !== undefined) return 'the models of the folder are being loaded';
    const empty = this.models.length === 0 && this.#options.modelControl === 'none';
    return firstAbsent(this.#table) ?? (empty ? 'there is no model to serve' : undefined);
  }

  /** One sentence about the first version that cannot be loaded while another one of its model answers. */
  get passedOver(): string | undefined {
    return firstPassedOver(this.#table);
  }

  /** The versions of a model, newest first; empty when there is none. */
  versionsOf(name: string): readonly Model[] {
    return this.#table.versionsOf(name);
  }

  /** A version of a model, or the one that answers for all when none is named; undefined when there is none. */
  known(name: string, version?: string): Model | undefined {
    if (version === undefined) return this.#table.newestOf(name);
    return this.versionsOf(name).find((candidate) => candidate.version === version);
  }

  /** As `known`. Refuses with 404. */
  find(name: string, version?: string): Model {
    const model = this.known(name, version);
    if (model !== undefined) return model;
    const named = `model '${name.slice(0, 200)}'`;
    const what = this.versionsOf(name).length === 0 ? named : `version '${(version ?? '').slice(0, 200)}' of ${named}`;
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
    if (!this.budget.limited || this.versionsOf(name).length > 0 || !this.#isAway(name)) return undefined;
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
    if (!this.budget.limited) {
      for (const source of sources) void this.#follower.bring(source);
    } else {
      this.#filling = this.#fill([...new Set(sources.map(({ name }) => name))]).finally(() => {
        this.#filling = undefined;
      });
    }
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
    return this.#inTurn(name, () => this.#load(name, { mayEvict: true, whole: true }));
  }

  /** Serves a model no longer; resolves when its last request has been answered. */
  unload(name: string): Promise<void> {
    this.#requireExplicit();
    return this.#inTurn(name, () => {
      const isKnown = this.versionsOf(name).length > 0 || this.#isAway(name);
      this.budget.forget(name);
      if (!isKnown) throw new Refusal({ kind: 'notFound' }, `model '${name.slice(0, 200)}' is not loaded`);
      return { retired: this.#table.set(name, []) };
    });
  }

  /** Follows the repository: loads what is new or has changed, unloads what has gone. Failures are retried for ever. */
  async rescan(): Promise<void> {
    this.#looks += 1;
    const look = this.#looks;
    const sources = await this.#repository.list();
    // A folder may be slow to list: what was seen before is over.
    if (look < this.#followed) return;
    this.#followed = look;
    await this.#follower.follow(sources);
  }

  /** Ends all models; resolves when no worker thread is left. */
  async stop(): Promise<void> {
    await this.#table.stop();
    await this.#filling;
    await this.#table.retired();
  }

  #requireExplicit(): void {
    if (this.#options.modelControl === 'explicit') return;
    throw new Refusal({ kind: 'forbidden' }, 'this server does not load or unload models on request');
  }

  /** A new model that makes others leave for no more than it will take: one that writes language has one session, whatever others have. */
  async #counted(source: ModelSource): Promise<Model> {
    const isSingle = this.budget.limited && (await source.writesLanguage?.()) === true;
    return this.#create(source, isSingle ? { ...this.#options, instances: 1 } : this.#options);
  }

  #create(source: ModelSource, options: ModelOptions = this.#options): Model {
    const predecessor = this.versionsOf(source.name).find(({ version }) => version === source.version);
    const model = new Model(source, options, this.#memory, predecessor);
    for (const tell of this.#onAdded) tell(model);
    return model;
  }

  #unchanged(source: ModelSource): Model | undefined {
    const found = this.versionsOf(source.name).find(({ version }) => version === source.version);
    return found?.stamp === source.stamp && found.notReady === undefined ? found : undefined;
  }

  /** Whether a model lacks nothing but room. */
  #isAway(name: string): boolean {
    return this.budget.absence(name)?.returns === true;
  }

  /** Under a budget one load at a time: each must know what the last one has left. */
  async #inTurn(name: string, change: () => Change | Promise<Change>): Promise<void> {
    // Within an object, since the turn would otherwise wait for it.
    const { retired } = await this.#turns.take(this.budget.limited ? '' : name, async () => change());
    await retired;
  }

  async #load(name: string, { mayEvict, whole }: Terms): Promise<Change> {
    const sources = (await this.#repository.list()).filter((source) => source.name === name);
    if (sources.length === 0)
      throw new Refusal({ kind: 'notFound' }, `the repository has no model '${name.slice(0, 200)}'`);
    const next = await Promise.all(
      sources.map(async (source) => this.#unchanged(source) ?? (await this.#counted(source))),
    );
    const before = this.versionsOf(name);
    const [models, replaced] = [without(next, before), without(before, next)];
    // Without a budget nobody leaves for others.
    const newcomers = { name, models, replaced, mayEvict: mayEvict && this.budget.limited };
    const failed = await loadTogether(newcomers, whole, {
      ...{ table: this.#table, limited: this.budget.limited, log: this.#options.log },
      makeRoom: (all) => this.#makeRoom(all),
    });
    this.budget.forget(name);
    return { retired: this.#table.set(name, without(next, failed)) };
  }

  #unloaded({ name }: ModelSource): NotReady {
    return { reason: 'Unloaded', message: this.budget.absence(name)?.why ?? 'not loaded' };
  }

  /** Lets models go, so that new ones fit. All leave the table at once: who is idle now may be asked for while another ends. */
  async #makeRoom(newcomers: NewModels): Promise<void> {
    const leaving = this.budget.makeRoom(newcomers, this.#table);
    for (const { name, version } of leaving)
      this.#options.log.info('model makes room', { model: name, version, newcomer: newcomers.name });
    const names = new Set(leaving.map(({ name }) => name));
    await Promise.all([...names].map((name) => this.#table.set(name, [])));
  }

  /** Loads one model after another, as far as the budget goes; the others can be asked for, and so can those to come. */
  async #fill(names: readonly string[]): Promise<void> {
    const terms = { mayEvict: false, whole: false };
    for (const name of names) this.budget.note(name, { why: 'not loaded yet', returns: true });
    for (const name of names) {
      if (this.#table.stopped) return;
      // By then it may be there, since somebody asked for it, or unloaded by hand.
      const load = (): Change | Promise<Change> => (this.#isAway(name) ? this.#load(name, terms) : noChange);
      await this.#inTurn(name, load).catch((error: unknown) => this.#keepAway(name, error));
    }
  }

  async #recalled(name: string): Promise<void> {
    try {
      await this.#inTurn(name, () => this.#load(name, { mayEvict: true, whole: false }));
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
}
