/** What the generators call valid is taken by a real API server, and what they call a mistake is refused with its field. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { applyDefinitions, createNamespace, openRawApi, removeNamespace } from '../../support/raw-api.ts';
import { contradictorySpec, specSchema, validSpec, type Plural } from './arbitrary.ts';
import { seed } from './lanes.ts';
import { mistakesOf, specWithMistake } from './mistakes.ts';
import { broken, filled, unknownRules, type Json } from './rules.ts';
import { declare, type Said } from './user.ts';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const numRuns = all ? 400 : 40;
/** In a sample every fifth mistake; with another seed others. */
const isTried = (index: number): boolean => all || (index + seed) % 5 === 0;
const namespace = `specs-${randomUUID().slice(0, 8)}`;
const api = openRawApi();

beforeAll(async () => {
  await applyDefinitions(api);
  await createNamespace(api, namespace);
}, 300_000);

afterAll(async () => {
  await removeNamespace(api, namespace);
  await api.close();
});

describe.each<Plural>(['trainingjobs', 'distillationjobs', 'modelservices'])('%s', (plural) => {
  const schema = specSchema(plural);
  const said = (spec: Json): Promise<Said> => declare(api, { plural, namespace, name: 'random' }, spec, true);

  test('has no rule that the generators do not know', () => {
    expect(unknownRules(schema)).toEqual([]);
  });

  test('is taken where the schema calls it valid', async () => {
    const taken = fc.asyncProperty(validSpec(schema), async (spec) => {
      expect(await said(spec)).toBeUndefined();
    });
    await fc.assert(taken, { seed, numRuns });
  }, 600_000);

  test('is refused, in the words of the rule, where fields contradict each other', async () => {
    const refused = fc.asyncProperty(contradictorySpec(schema), async (spec) => {
      const words = (await said(spec)) ?? 'taken';
      for (const message of broken(schema, filled(schema, spec))) expect(words).toContain(message);
    });
    await fc.assert(refused, { seed, numRuns });
  }, 600_000);

  test('is refused, and the field named, for every mistake that the schema can tell', async () => {
    const wrong: object[] = [];
    for (const [index, mistake] of mistakesOf(schema).entries()) {
      if (!isTried(index)) continue;
      const [one] = fc.sample(specWithMistake(schema, mistake, {}), { seed: seed + index, numRuns: 1 });
      const words = (await said(one?.spec ?? {})) ?? 'taken';
      if (!words.includes(mistake.field)) wrong.push({ ...mistake, words });
    }
    expect(wrong).toEqual([]);
  }, 600_000);
});
