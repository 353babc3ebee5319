import { describe, expect, test } from '@jest/globals';
import type { Model } from '../../../runtime/server/model.ts';
import { ModelTable } from '../../../runtime/server/model-table.ts';

const arrival = { replaced: [], mayEvict: false };

/** As much of a model as the table looks at, and what was done with it. */
function model(version: string) {
  const end = Promise.withResolvers<void>();
  const done: string[] = [];
  const told = (what: string, result: Promise<void>) => (): Promise<void> => {
    done.push(what);
    return result;
  };
  const parts = {
    ...{ name: 'm', version, end: end.resolve, done },
    tryStart: told('tried', Promise.resolve()),
    stop: told('stopped', Promise.resolve()),
    retire: told('retired', end.promise),
  };
  return parts as unknown as Model & Pick<typeof parts, 'end' | 'done'>;
}

describe('the table', () => {
  test('has the newest version first, and what has left it until that has ended', async () => {
    const table = new ModelTable();
    const [second, tenth] = [model('2'), model('10')];
    await table.set('m', [second, tenth]);
    expect([table.versionsOf('m'), table.models]).toEqual([
      [tenth, second],
      [tenth, second],
    ]);
    const retired = table.set('m', [second]);
    expect([table.versionsOf('m'), table.retiring]).toEqual([[second], [tenth]]);
    tenth.end();
    await retired;
    await table.retired();
    expect([table.retiring, tenth.done, second.done]).toEqual([[], ['retired'], []]);
  });

  test('counts what has left it, unless another has its place', async () => {
    const table = new ModelTable();
    const [first, second, again] = [model('1'), model('2'), model('2')];
    await table.set('m', [first, second]);
    void table.set('m', [again]);
    expect(new Set(table.counted)).toEqual(new Set([first, again]));
    for (const gone of [first, second]) gone.end();
    await table.retired();
    expect(table.counted).toEqual([again]);
  });

  test('stops what is tried, too', async () => {
    const table = new ModelTable();
    const [served, tried, discarded] = [model('1'), model('2'), model('3')];
    await table.set('m', [served]);
    await Promise.all([table.try(tried, arrival), table.try(discarded, arrival)]);
    await table.discard(discarded);
    expect(table.stopped).toBe(false);
    await table.stop();
    expect(table.stopped).toBe(true);
    expect([served.done, tried.done, discarded.done]).toEqual([
      ['stopped'],
      ['tried', 'stopped'],
      ['tried', 'stopped'],
    ]);
  });

  test('stops once what has been tried and set', async () => {
    const table = new ModelTable();
    const one = model('1');
    await table.try(one, arrival);
    await table.set('m', [one]);
    await table.stop();
    expect(one.done).toEqual(['tried', 'stopped']);
  });
});
