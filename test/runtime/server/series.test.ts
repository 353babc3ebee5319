import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import type { Model } from '../../../runtime/server/model.ts';
import { registerHistogram, type Subjects } from '../../../runtime/server/series.ts';

test('a histogram tells of the models that are served alone, whatever they were called before', async () => {
  const registry = new Registry();
  const named = (name: string): Model => ({ name }) as Model;
  let models: readonly Model[] = [named('one'), named('other')];
  const subjects: Subjects = { models: () => models, labelNames: ['model'], labelsOf: ({ name }) => ({ model: name }) };
  const observerOf = registerHistogram(registry, subjects, { name: 'rows', help: 'Rows.', buckets: [1] });
  const [one, other] = models.map(observerOf);
  const counts = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('rows_count'));
  one?.(1);
  other?.(1);
  expect(await counts()).toEqual(['rows_count{model="one"} 1', 'rows_count{model="other"} 1']);
  models = [named('one')];
  one?.(1);
  // The last batch of a model that has left.
  other?.(1);
  expect(await counts()).toEqual(['rows_count{model="one"} 2']);
  models = [named('one'), named('other')];
  observerOf(named('other'))(1);
  expect(await counts()).toEqual(['rows_count{model="one"} 2', 'rows_count{model="other"} 1']);
});
