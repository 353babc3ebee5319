/** Our own server against the kit, in a process of its own, and the kit against answers that are wrong. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { folderWith } from '../support/model-server.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { faultOf, lacking, run, type Reply } from './exchange.ts';
import { announced, cases } from './kit.ts';
import { conformanceModels } from './models.ts';

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess({ LIMBECK_MODELS_DIR: await folderWith(conformanceModels()) });
}, startLimitMs);

afterAll(() => server.stop());

test('every extension that a case belongs to is announced, so that no case is left out', async () => {
  const extensions = new Set(cases.flatMap(({ extension }) => extension ?? []));
  expect(await announced(server.url)).toEqual(expect.arrayContaining([...extensions]));
});

test.each(cases.map((found) => [found.name, found] as const))('%s', async (_name, found) => {
  expect(await run(server.url, found)).toBeUndefined();
});

describe('the kit notices', () => {
  const reply: Reply = { status: 200, text: '{"id":"a"}', json: { id: 'a', list: [1, 2] }, tail: Buffer.of(1) };

  test.each([
    ['another status', { status: 404 }],
    ['a mistake that was answered', { status: 'mistake' as const }],
    ['a member that is missing', { status: 200, json: { name: 'a' } }],
    ['a list that is too long', { status: 200, json: { list: [1] } }],
    ['another number', { status: 200, json: { list: [1, 3] } }],
    ['text that is missing', { status: 200, text: '9007199254740993' }],
    ['other bytes', { status: 200, tail: Buffer.of(2) }],
    ['floats that are missing', { status: 200, floats: [1] }],
  ])('%s', (_what, expected) => expect(faultOf(expected, reply)).toBeDefined());

  test('a mistake without a sentence', () => {
    expect(faultOf({ status: 'mistake' }, { ...reply, status: 400 })).toContain('no {"error"');
    expect(faultOf({ status: 'mistake' }, { ...reply, status: 500 })).toContain('status 500');
    expect(faultOf({ status: 'mistake' }, { ...reply, status: 400, json: { error: 'no' } })).toBeUndefined();
  });

  test('nothing where nothing is wrong', () => {
    expect(faultOf({ status: 200, json: { list: [1, 2] }, tail: Buffer.of(1) }, reply)).toBeUndefined();
    expect(lacking({ a: {} }, { a: { b: 1 } })).toBeUndefined();
  });

  test('a server that is not there', async () => {
    expect(await run('http://127.0.0.1:1', cases[0]!)).toContain('no answer');
  });
});
