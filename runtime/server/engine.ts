/** All models of the process by name and version: start, look up, readiness, stop. */
import { Model, type ModelOptions } from './model.ts';
import { Refusal } from './protocol/errors.ts';
import type { ModelSource } from './repository.ts';

/** The models that this process serves. */
export class Engine {
  readonly #models: readonly Model[];
  /** Versions of a name, newest first. */
  readonly #byName = new Map<string, readonly Model[]>();

  constructor(sources: readonly ModelSource[], options: ModelOptions) {
    this.#models = sources.map((source) => new Model(source, options));
    for (const { name } of this.#models) {
      const versions = this.#models.filter((model) => model.name === name);
      this.#byName.set(
        name,
        versions.sort((a, b) => Number(b.version) - Number(a.version)),
      );
    }
  }

  /** All models, in the order of their sources. */
  get models(): readonly Model[] {
    return this.#models;
  }

  /** Undefined when every model is ready; otherwise one sentence about the first that is not. */
  get notReady(): string | undefined {
    for (const { name, notReady } of this.#models) {
      if (notReady !== undefined) return `model '${name}' is not ready: ${notReady.reason}: ${notReady.message}`;
    }
    return this.#models.length === 0 ? 'there is no model to serve' : undefined;
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
    throw new Refusal({ kind: 'notFound' }, `there is no ${what}`);
  }

  /** Starts loading all models at once. */
  start(): void {
    for (const model of this.#models) model.start();
  }

  /** Ends all models; resolves when no worker thread is left. */
  async stop(): Promise<void> {
    await Promise.all(this.#models.map((model) => model.stop()));
  }
}
