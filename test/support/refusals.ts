/** What `kubectl apply` refuses, on a real API server: rows of changes to the least object, and the words that explain. */
import { expect, test } from '@jest/globals';
import { withDefinitions } from './definitions.ts';
import { least } from './minimal-specs.ts';
import { changed, pathOf, type Plural, type RawAnswer } from './raw-api.ts';

export type Changes = Readonly<Record<string, unknown>>;
/** What is wrong, the change to the least object, the field that is named, and the words that explain. */
export type Row = readonly [what: string, changes: Changes, field: string, words: string];

/** Sets the server up for the whole file, and tells of each row. */
export function refusals() {
  const { api, namespace } = withDefinitions('refusals');

  /** As kubectl sends it; nothing is stored even where the schema has a hole. */
  const create = (plural: Plural, object: unknown): Promise<RawAnswer> =>
    api.call(pathOf(namespace, plural), {
      method: 'POST',
      query: { fieldValidation: 'Strict', dryRun: 'All' },
      body: object,
    });

  const refuses = (plural: Plural, rows: readonly Row[]): void => {
    test.each(rows)('%s', async (_, changes, field, words) => {
      const { status, body } = await create(plural, changed(least[plural], changes));
      expect([400, 422]).toContain(status);
      expect(body.message).toContain(field);
      expect(body.message).toContain(words);
    });
  };
  return { api, namespace, refuses };
}

export const gates = (...all: object[]): Changes => ({ 'spec.evaluation.gates': all });
export const atLeast = (least: number): string => `greater than or equal to ${String(least)}`;
export const atMost = (most: number): string => `less than or equal to ${String(most)}`;
