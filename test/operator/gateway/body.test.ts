import { PassThrough } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { Body, Budget, type BodyFault, type BodyRules } from '../../../operator/gateway/body.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A chunked request whose body is written by hand. */
const request = (): IncomingMessage & PassThrough =>
  Object.assign(new PassThrough(), { headers: { 'transfer-encoding': 'chunked' } }) as unknown as IncomingMessage &
    PassThrough;

const rulesFor = (clock: FakeClock, aheadBytes = 1000, budget = new Budget(10_000)): BodyRules => ({
  ...{ maxBytes: 10_000, aheadBytes, budget, clock },
  pace: { idleMs: 10_000, bytesPerSecond: 10 },
});

interface Reading {
  readonly clock: FakeClock;
  readonly sender: PassThrough;
  readonly body: Body;
  /** Undefined while it is read; then what was wrong, or nothing. */
  readonly done: (BodyFault | undefined)[];
}

function reading(aheadBytes?: number): Reading {
  const clock = new FakeClock();
  const sender = request();
  const body = new Body(sender, rulesFor(clock, aheadBytes));
  const done: (BodyFault | undefined)[] = [];
  body.readAhead((fault) => done.push(fault));
  return { clock, sender, body, done };
}

/** Sends so many bytes, and lets so much time go by. */
async function send({ sender, clock }: Reading, bytes: number, thenMs: number): Promise<void> {
  sender.write(Buffer.alloc(bytes));
  await new Promise(setImmediate);
  await clock.advance(thenMs);
}

test('a sender that falls silent is given up', async () => {
  const read = reading();
  await send(read, 10, 9_999);
  expect(read.done).toEqual([]);
  await read.clock.advance(1);
  expect(read.done).toEqual(['tooSlow']);
});

test('a sender that drips is given up, however regularly', async () => {
  const read = reading();
  for (let second = 0; second < 12 && read.done.length === 0; second++) await send(read, 1, 1_000);
  expect(read.done).toEqual(['tooSlow']);
});

test('a slow sender that keeps the pace is not', async () => {
  const read = reading();
  for (let second = 0; second < 60; second++) await send(read, 10, 1_000);
  read.sender.end();
  await new Promise(setImmediate);
  expect(read.done).toEqual([undefined]);
});

test('the pace of what is streamed goes on where the reading ahead stopped; a pause of the reader does not count', async () => {
  const read = reading(100);
  await send(read, 100, 0);
  expect(read.done).toEqual([undefined]);
  await read.clock.advance(3_600_000);
  const stream = read.body.open();
  if (stream === null || Buffer.isBuffer(stream)) throw new Error('the body is whole');
  const end = new Promise<Error | undefined>((resolve) =>
    stream.on('error', resolve).on('end', () => resolve(undefined)),
  );
  stream.resume();
  await new Promise(setImmediate);
  for (let second = 0; second < 15; second++) await send(read, 10, 1_000);
  for (let second = 0; second < 40 && !read.sender.destroyed; second++) await send(read, 1, 1_000);
  expect(await end).toMatchObject({ fault: 'tooSlow' });
});

describe('where the memory of all bodies is spent', () => {
  const of = (budget: Budget): { sender: PassThrough; body: Body; done: (BodyFault | undefined)[] } => {
    const sender = request();
    const rules = { ...rulesFor(new FakeClock(), 100_000, budget), maxBytes: 1_000_000 };
    const body = new Body(sender, rules);
    const done: (BodyFault | undefined)[] = [];
    body.readAhead((fault) => done.push(fault));
    return { sender, body, done };
  };

  test('what has come of the next is kept in the reserve, and what is beyond that is refused until others are over', async () => {
    const budget = new Budget(100_000);
    const crowd = [1, 2, 3, 4].map(() => of(budget));
    for (const { sender } of crowd) sender.write(Buffer.alloc(60_000));
    await new Promise(setImmediate);
    // The second is read no further, and 65,536 bytes of it may lie unread: with them more than 150,000 are held.
    expect(crowd.map(({ done }) => done)).toEqual([[], [undefined], ['crowded'], ['crowded']]);
    for (const { body } of crowd) body.close();
    expect(budget).toMatchObject({ free: 100_000, exhausted: false });
  });
});
