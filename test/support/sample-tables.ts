/** Two columns as a manifest states them, of which a row must have both, or may lack either. */
import { preprocessingOf, type TablePreprocessing } from '../../runtime/server/samples/preprocessing.ts';

export function tableOf(...columns: readonly object[]): TablePreprocessing {
  const parsed = preprocessingOf({ kind: 'table', columns });
  if (typeof parsed === 'string' || parsed.kind !== 'table') throw new Error('no table');
  return parsed;
}

export const age = { name: 'age', kind: 'number' };
export const city = { name: 'city', kind: 'category', categories: ['Bergen', 'Oslo', '7', 'true'] };
export const strict = tableOf(age, city);
export const lenient = tableOf({ ...age, missing: 'NaN' }, { ...city, missing: 'NaN' });
