import { describe, expect, test } from '@jest/globals';
import { Follower } from '../../../runtime/server/follower.ts';
import type { Model } from '../../../runtime/server/model.ts';
import { ModelTable } from '../../../runtime/server/model-table.ts';
import type { ModelSource, NotReady } from '../../../runtime/server/repository.ts';
import { until } from '../../support/model-server.ts';
import { quiet } from '../../support/quiet-log.ts';

const broken: NotReady = { reason: 'LoadFailed', message: 'half a file' };

/** A follower of models that load as a test says: at once, or never. */
function followed() {
  let now = 0;
  const isWhole = new Set<string>();
  const log: string[] = [];
  const leaving = { promise: Promise.resolve() };
  const create = ({ name, version, stamp }: ModelSource): Model => {
    const what = `${version}:${stamp}`;
    const told = (verb: string) => (): Promise<void> => {
      log.push(`${verb} ${what}`);
      return Promise.resolve();
    };
    const model = {
      ...{ name, version, stamp, notReady: { reason: 'Loading', message: '' } as NotReady | undefined },
      stop: told('stop'),
      retire: () => told('retire')().then(() => leaving.promise),
      start: () => {
        log.push(`start ${what}`);
        if (isWhole.has(what)) model.notReady = undefined;
      },
      tryStart: () => {
        log.push(`try ${what}`);
        if (isWhole.has(what)) model.notReady = undefined;
        return Promise.resolve(isWhole.has(what) ? undefined : broken);
      },
    };
    return model as unknown as Model;
  };
  const table = new ModelTable();
  const follower = new Follower(table, { create, log: quiet, now: () => now, random: () => 0 });
  const sourceOf = (name: string, what: string): ModelSource => {
    const [version = '', stamp = ''] = what.split(':');
    return { name, version, stamp, bytes: 0, fetch: () => Promise.reject(new Error('not here')) };
  };
  const scan = async (...all: readonly string[]): Promise<readonly string[]> => {
    log.length = 0;
    await follower.follow(all.map((one) => sourceOf('m', one)));
    return table.versionsOf('m').map(({ version, stamp }) => `${version}:${stamp}`);
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { scan, isWhole, log, pass, table, follower, sourceOf, leaving };
}

describe('a version that is new', () => {
  test('is loaded where there is nothing yet, until that succeeds', async () => {
    const { scan, log } = followed();
    expect(await scan('1:a')).toEqual(['1:a']);
    expect(log).toEqual(['start 1:a']);
  });

  test('answers beside others once it can', async () => {
    const { scan, isWhole, log } = followed();
    isWhole.add('1:a');
    await scan('1:a');
    expect(await scan('1:a', '2:half')).toEqual(['1:a']);
    expect(log).toEqual(['try 2:half', 'stop 2:half']);
    isWhole.add('2:whole');
    expect(await scan('1:a', '2:whole')).toEqual(['2:whole', '1:a']);
    expect(log).toEqual(['try 2:whole']);
  });

  test('is tried again now and then, or when it changes', async () => {
    const { scan, isWhole, log, pass } = followed();
    isWhole.add('1:a');
    await scan('1:a');
    await scan('1:a', '2:half');
    pass(59_999);
    await scan('1:a', '2:half');
    expect(log).toEqual([]);
    await scan('1:a', '2:more');
    expect(log).toEqual(['try 2:more', 'stop 2:more']);
    pass(60_000);
    isWhole.add('2:more');
    expect(await scan('1:a', '2:more')).toEqual(['2:more', '1:a']);
  });

  test('is loaded at once where those beside it do not answer', async () => {
    const { scan, log } = followed();
    await scan('1:half');
    expect(await scan('1:half', '2:half')).toEqual(['2:half', '1:half']);
    expect(log).toEqual(['start 2:half']);
  });
});

describe('a version that has changed', () => {
  test('is replaced once its successor answers', async () => {
    const { scan, isWhole, log } = followed();
    isWhole.add('1:a');
    await scan('1:a');
    expect(await scan('1:half')).toEqual(['1:a']);
    expect(log).toEqual(['try 1:half', 'stop 1:half']);
    isWhole.add('1:b');
    expect(await scan('1:b')).toEqual(['1:b']);
    expect(log).toEqual(['try 1:b', 'retire 1:a']);
  });

  test('is replaced at once where it did not answer', async () => {
    const { scan, log } = followed();
    await scan('1:half');
    expect(await scan('1:more')).toEqual(['1:more']);
    expect(log).toEqual(['start 1:more', 'retire 1:half']);
  });
});

test('a name that is still under way is left alone, and others are followed', async () => {
  const { follower, table, log, sourceOf, isWhole, leaving } = followed();
  isWhole.add('1:a').add('1:b');
  await follower.follow([sourceOf('m', '1:a')]);
  leaving.promise = new Promise(() => undefined);
  void follower.follow([sourceOf('m', '1:b')]);
  await until(() => log.includes('retire 1:a'));
  await follower.follow([sourceOf('m', '1:c'), sourceOf('n', '7:a')]);
  expect(log).toEqual(['start 1:a', 'try 1:b', 'retire 1:a', 'start 7:a']);
  expect(table.models.map(({ name }) => name)).toEqual(['m', 'n']);
});

test('what has gone leaves, and nothing comes once all is to end', async () => {
  const { scan, isWhole, log, table } = followed();
  isWhole.add('1:a').add('2:a');
  await scan('1:a', '2:a');
  expect(await scan('1:a')).toEqual(['1:a']);
  expect(log).toEqual(['retire 2:a']);
  await table.stop();
  expect(await scan('1:a', '2:b')).toEqual(['1:a']);
  expect(log).toEqual([]);
});
