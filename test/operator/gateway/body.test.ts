import { createServer, request as httpRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Body, Budget, type BodyFault, type BodyRules } from '../../../operator/gateway/body.ts';
import { listen } from '../../../process/http-server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from './support.ts';

let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer();
  port = await listen(server, 0);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

interface Sending {
  readonly sender: ClientRequest;
  readonly request: IncomingMessage;
}

/** A chunked request whose body is written by hand. */
function sending(): Promise<Sending> {
  return new Promise((resolve) => {
    const sender = httpRequest({ port, method: 'POST', agent: false }).on('error', () => undefined);
    server.once('request', (request) => resolve({ sender, request }));
    sender.flushHeaders();
  });
}

const rulesFor = (clock: FakeClock, aheadBytes = 1000, budget = new Budget(10_000)): BodyRules => ({
  ...{ maxBytes: 10_000, aheadBytes, budget, clock },
  pace: { idleMs: 10_000, bytesPerSecond: 10 },
});

interface Reading extends Sending {
  readonly clock: FakeClock;
  readonly body: Body;
  /** Undefined while it is read; then what was wrong, or nothing. */
  readonly done: (BodyFault | undefined)[];
}

async function reading(aheadBytes?: number): Promise<Reading> {
  const clock = new FakeClock();
  const sent = await sending();
  const body = new Body(sent.request, rulesFor(clock, aheadBytes));
  const done: (BodyFault | undefined)[] = [];
  body.readAhead((fault) => done.push(fault));
  return { clock, body, done, ...sent };
}

/** Sends so many bytes, and waits until they are there. */
async function arrive({ sender, request }: Sending, bytes: number): Promise<void> {
  const before = request.socket.bytesRead;
  sender.write(Buffer.alloc(bytes));
  await until(() => request.socket.bytesRead >= before + bytes);
}

/** Sends so many bytes, and lets so much time go by. */
async function send(read: Reading, bytes: number, thenMs: number): Promise<void> {
  await arrive(read, bytes);
  await read.clock.advance(thenMs);
}

test('a sender that falls silent is given up', async () => {
  const read = await reading();
  await send(read, 10, 9_999);
  expect(read.done).toEqual([]);
  await read.clock.advance(1);
  expect(read.done).toEqual(['tooSlow']);
});

test('a sender that drips is given up, however regularly', async () => {
  const read = await reading();
  for (let second = 0; second < 12 && read.done.length === 0; second++) await send(read, 1, 1_000);
  expect(read.done).toEqual(['tooSlow']);
});

test('a slow sender that keeps the pace is not', async () => {
  const read = await reading();
  for (let second = 0; second < 60; second++) await send(read, 10, 1_000);
  read.sender.end();
  await until(() => read.done.length > 0);
  expect(read.done).toEqual([undefined]);
});

test('the pace of what is streamed goes on where the reading ahead stopped; a pause of the reader does not count', async () => {
  const read = await reading(100);
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
  for (let second = 0; second < 40 && !stream.destroyed; second++) await send(read, 1, 1_000);
  expect(await end).toMatchObject({ fault: 'tooSlow' });
  // The connection is there for the answer.
  expect(read.request.socket.destroyed).toBe(false);
});

test('what comes a byte at a time is kept in few pieces', async () => {
  const read = await reading(2000);
  for (let sent = 0; sent < 2000; sent += 1) read.sender.write(String(sent % 10));
  await until(() => read.done.length === 1);
  read.sender.end('end');
  const stream = read.body.open();
  if (stream === null || Buffer.isBuffer(stream)) throw new Error('the body is whole');
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).toString()).toBe(`${'0123456789'.repeat(200)}end`);
  expect(pieces.length).toBeLessThan(20);
});

test('what comes of a body that nobody wants any more is read and dropped', async () => {
  const read = await reading(100);
  await arrive(read, 100);
  await until(() => read.done.length === 1);
  read.sender.write(Buffer.alloc(200_000));
  read.body.close();
  read.sender.end();
  await until(() => read.request.readableEnded);
  expect(read.request.complete).toBe(true);
});

describe('where the memory of all bodies is spent', () => {
  const of = async (budget: Budget): Promise<Sending & { body: Body; done: (BodyFault | undefined)[] }> => {
    const sent = await sending();
    const rules = { ...rulesFor(new FakeClock(), 100_000, budget), maxBytes: 1_000_000 };
    const body = new Body(sent.request, rules);
    const done: (BodyFault | undefined)[] = [];
    body.readAhead((fault) => done.push(fault));
    return { ...sent, body, done };
  };

  test('a body is read on while it waits, until half of it is', async () => {
    const budget = new Budget(400_000);
    const { body, done, ...sent } = await of(budget);
    await arrive(sent, 100_000);
    await until(() => done.length === 1);
    const refused: BodyFault[] = [];
    body.readOn((fault) => refused.push(fault));
    await arrive(sent, 60_000);
    await until(() => budget.free === 240_000);
    await arrive(sent, 60_000);
    // 65,536 bytes may lie unread.
    await until(() => budget.free <= 200_000 - 65_536);
    const { free } = budget;
    await arrive(sent, 10_000);
    await new Promise(setImmediate);
    expect(budget.free).toBe(free);
    sent.sender.end();
    const stream = body.open();
    if (stream === null || Buffer.isBuffer(stream)) throw new Error('the body is whole');
    expect((await buffer(stream)).length).toBe(230_000);
    expect(refused).toEqual([]);
  });

  test('what has come of the next is kept in the reserve, and what is beyond that is refused until others are over', async () => {
    const budget = new Budget(100_000);
    const crowd = [await of(budget), await of(budget), await of(budget), await of(budget)];
    for (const sent of crowd) await arrive(sent, 60_000);
    // The second is read no further, and 65,536 bytes of it may lie unread: with them more than 150,000 are held.
    expect(crowd.map(({ done }) => done)).toEqual([[], [undefined], ['crowded'], ['crowded']]);
    for (const { body } of crowd) body.close();
    expect(budget).toMatchObject({ free: 100_000, exhausted: false });
  });
});
