/** The memory of all models together: who leaves for whom, and why others are not served. Without a limit all may stay. */
import { roomFor, type Resident } from './eviction.ts';
import type { Arrival, Memory } from './memory.ts';
import type { Model } from './model.ts';
import type { ModelTable } from './model-table.ts';
import { sum } from './sum.ts';

/** Models of one name that are to be served beside others. */
export interface NewModels extends Arrival {
  readonly name: string;
  readonly models: readonly Model[];
}

/** Models that come and go together. */
interface Lodger extends Resident {
  readonly models: readonly Model[];
}

function lodgerOf(models: readonly Model[], mayLeave: boolean): Lodger {
  const bytes = sum(models.map((model) => model.bytes));
  const usedAt = Math.max(...models.map((model) => model.usedAt));
  return { models, bytes, usedAt, idle: mayLeave && models.every(({ idle }) => idle) };
}

/** Why a model that could be served is not. */
export interface Absence {
  readonly why: string;
  /** Room alone is what it lacks: it comes back when it is asked for. */
  readonly returns: boolean;
}

/** Lives as long as the engine. */
export class Budget {
  /** What all models together may take; undefined is whatever they need. */
  readonly limitBytes: number | undefined;
  readonly #memory: Memory;
  #evictions = 0;
  /** By name. */
  readonly #absent = new Map<string, Absence>();

  constructor(limitBytes: number | undefined, memory: Memory) {
    this.limitBytes = limitBytes;
    this.#memory = memory;
  }

  /** Whether there is a limit, so that models make room for others. */
  get limited(): boolean {
    return this.limitBytes !== undefined;
  }

  /** Models that have made room for others so far. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * Those who must leave so that new ones fit, noted as gone: all versions of a name or none, since a name comes back as a
   * whole. What retires takes its memory until it has ended. Refuses, with the numbers, what does not fit.
   */
  makeRoom(newcomers: NewModels, table: Pick<ModelTable, 'models' | 'retiring'>): readonly Model[] {
    if (this.limitBytes === undefined) return [];
    const { name, models, mayEvict } = newcomers;
    const bytes = sum(models.map((model) => model.bytes));
    const lackingBytes = this.#memory.lacking(models, sum(models.map(({ memory }) => memory.loadBytes)), newcomers);
    const served = [...Map.groupBy(table.models, (model) => model.name)];
    const lodgers = [
      ...served.map(([other, versions]) => lodgerOf(versions, mayEvict && other !== name)),
      ...table.retiring.map((model) => lodgerOf([model], false)),
    ];
    const leaving = roomFor({ name, bytes, lackingBytes }, lodgers, this.limitBytes).flatMap((lodger) => lodger.models);
    this.#evictions += leaving.length;
    for (const gone of leaving) this.note(gone.name, { why: `it made room for '${name}'`, returns: true });
    return leaving;
  }

  /** Why a model that could be served is not; undefined where nobody knows. */
  absence(name: string): Absence | undefined {
    return this.#absent.get(name);
  }

  /** Remembers why a model is not served. */
  note(name: string, absence: Absence): void {
    this.#absent.set(name, absence);
  }

  /** It is served, or nobody wants it. */
  forget(name: string): void {
    this.#absent.delete(name);
  }
}
