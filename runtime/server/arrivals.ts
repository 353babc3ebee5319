/** Loads the new versions of a model that come together, before any of them is asked. */
import type { Log } from '../../process/logger.ts';
import type { NewModels } from './budget.ts';
import type { Model } from './model.ts';
import type { ModelTable } from './model-table.ts';
import { invalid, unavailable, type Refusal } from './protocol/errors.ts';
import { whyOf } from './readiness.ts';
import type { NotReady } from './repository.ts';

/** What loading needs of the engine. */
export interface ArrivalOptions {
  readonly table: Pick<ModelTable, 'stopped' | 'try' | 'discard'>;
  /** Whether models make room for one another. */
  readonly limited: boolean;
  readonly makeRoom: (newcomers: NewModels) => Promise<void>;
  readonly log: Log;
}

/** What others take now, they may give back where models make room for one another. */
function refusalOf(name: string, { reason, message, crowded }: NotReady, limited: boolean): Refusal {
  const sentence = `model '${name}' cannot be loaded: ${reason}: ${message}`;
  return crowded === true && limited ? unavailable(sentence) : invalid(sentence);
}

async function passOver(model: Model, { table, log }: ArrivalOptions): Promise<void> {
  const { name, version } = model;
  log.warn('version not loaded, another one answers', { model: name, version, error: whyOf(model) });
  await table.discard(model);
}

async function loadAll(newcomers: NewModels, whole: boolean, options: ArrivalOptions): Promise<readonly Model[]> {
  const { name, models } = newcomers;
  const failures = await Promise.all(models.map((model) => options.table.try(model, newcomers)));
  const failed = models.filter((_, index) => failures[index] !== undefined);
  const failure = failures.find((found) => found !== undefined);
  // Where others have the room, all versions wait for it together.
  const mustAll = whole || failed.length === models.length || failures.some((found) => found?.crowded === true);
  if (failure !== undefined && mustAll) throw refusalOf(name, failure, options.limited);
  await Promise.all(failed.map((model) => passOver(model, options)));
  // Only now is it known what keys and values take.
  await options.makeRoom({ ...newcomers, models: models.filter((model) => !failed.includes(model)) });
  return failed;
}

/** Loads all or none, or, unless the `whole` is wanted, those that can be. Returns those that cannot; throws when nothing comes. */
export async function loadTogether(
  newcomers: NewModels,
  whole: boolean,
  options: ArrivalOptions,
): Promise<readonly Model[]> {
  await options.makeRoom(newcomers);
  if (options.table.stopped) throw unavailable('the server is stopping');
  try {
    return await loadAll(newcomers, whole, options);
  } catch (error) {
    await Promise.all(newcomers.models.map((model) => options.table.discard(model)));
    throw error;
  }
}
