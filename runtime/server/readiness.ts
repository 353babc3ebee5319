/** What the models that there are let readiness say. Pure. */
import type { Model } from './model.ts';
import type { ModelTable } from './model-table.ts';

type Table = Pick<ModelTable, 'models' | 'newestOf'>;

/** Why a model is not ready, in one sentence. */
export const whyOf = ({ name, notReady }: Model): string =>
  `model '${name}' is not ready: ${notReady?.reason ?? ''}: ${notReady?.message ?? ''}`;

/** Whether a version that has not been loaded is one that nobody needs who does not name it: it was tried, and another one answers. */
const isPassedOver = (table: Table, { name, facts, notReady }: Model): boolean =>
  facts === undefined && notReady?.reason !== 'Loading' && table.newestOf(name)?.facts !== undefined;

/** One sentence about the first model that is to answer and does not; undefined when all do. */
export function firstAbsent(table: Table): string | undefined {
  const absent = table.models.find((model) => model.notReady !== undefined && !isPassedOver(table, model));
  return absent && whyOf(absent);
}

/** One about the first version that cannot be loaded while another one of its model answers; undefined when there is none. */
export function firstPassedOver(table: Table): string | undefined {
  const absent = table.models.find((model) => model.notReady !== undefined && isPassedOver(table, model));
  return absent && `version ${absent.version} of ${whyOf(absent)}`;
}
