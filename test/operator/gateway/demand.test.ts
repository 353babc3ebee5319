import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { subscribe } from '../../../operator/autoscaler/subscription.ts';
import { adminApp, listen } from '../../../process/http-server.ts';
import { DemandBoard, demandHandler, type Sink } from '../../../operator/gateway/demand.ts';
import { Routes, type Route } from '../../../operator/gateway/routes.ts';
import { Service } from '../../../operator/gateway/service.ts';
import type { Guest } from '../../../operator/gateway/waiting-room.ts';
import type { Replica } from '../../../operator/gateway/replica.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { service as wire, until } from './support.ts';

function route(key: string): Route {
  const routes: Route[] = [];
  new Routes((_key, made) => {
    if (made !== undefined) routes.push(made);
  }).putService(wire());
  const [made] = routes;
  if (made === undefined) throw new Error('no route');
  return { ...made, key };
}

function world(...keys: string[]) {
  const clock = new FakeClock();
  const services: Service[] = [];
  const board = new DemandBoard({ gateway: 'gateway-0', services: () => services, clock });
  const times = { connectMs: 1, answerMs: 1 };
  for (const key of keys)
    services.push(
      new Service(route(key), { clock, random: () => 0, times, changed: (changed) => board.changed(changed) }),
    );
  const lines: unknown[] = [];
  const sink: Sink & { full: boolean } = {
    full: false,
    write: (line) => lines.push(JSON.parse(line).services) > 0,
  };
  return { clock, board, services, lines, sink };
}

function guest(service: Service | undefined): Guest<Replica> {
  if (service === undefined) throw new Error('no service');
  service.arrive();
  const made: Guest<Replica> = {
    ...{ order: service.admit(), patienceMs: 60_000, seated: () => undefined, refused: () => undefined },
  };
  service.enter(made);
  return made;
}

test('the first line has everything that is not zero, then only change and what is there now', async () => {
  const { clock, board, services, lines, sink } = world('a/one', 'a/two', 'a/three');
  const [one, two] = services;
  one?.leave(guest(one));
  guest(two);
  board.follow(sink);
  expect(lines).toEqual([
    { 'a/one': { inFlight: 0, waiting: 0, arrived: 1 }, 'a/two': { inFlight: 0, waiting: 1, arrived: 1 } },
  ]);
  await clock.advance(1000);
  expect(lines.at(-1)).toEqual({ 'a/two': { inFlight: 0, waiting: 1, arrived: 1 } });
});

test('a change is told at once, the next ones together after 50 ms', async () => {
  const { clock, board, services, lines, sink } = world('a/one');
  board.follow(sink);
  const [one] = services;
  guest(one);
  await clock.advance(0);
  expect(lines.length).toBe(2);
  guest(one);
  guest(one);
  await clock.advance(49);
  expect(lines.length).toBe(2);
  await clock.advance(1);
  expect(lines.slice(2)).toEqual([{ 'a/one': { inFlight: 0, waiting: 3, arrived: 3 } }]);
});

test('a demand that ended between two lines is told by its arrival', async () => {
  const { clock, board, services, lines, sink } = world('a/one');
  board.follow(sink);
  const [one] = services;
  await clock.advance(1);
  one?.leave(guest(one));
  await clock.advance(60);
  expect(lines.at(-1)).toEqual({ 'a/one': { inFlight: 0, waiting: 0, arrived: 1 } });
  await clock.advance(1000);
  expect(lines.at(-1)).toEqual({});
});

test('at rest there is a line each second', async () => {
  const { clock, board, lines, sink } = world('a/one');
  const stop = board.follow(sink);
  await clock.advance(3000);
  expect(lines).toEqual([{}, {}, {}, {}]);
  stop();
  await clock.advance(3000);
  expect(lines.length).toBe(4);
});

test('who does not keep up misses lines, not demand', async () => {
  const { clock, board, services, lines, sink } = world('a/one');
  board.follow(sink);
  sink.full = true;
  const [one] = services;
  one?.leave(guest(one));
  await clock.advance(2000);
  expect(lines).toEqual([{}]);
  sink.full = false;
  await clock.advance(1000);
  expect(lines.at(-1)).toEqual({ 'a/one': { inFlight: 0, waiting: 0, arrived: 1 } });
});

test('whoever follows after the last has left, when a line was due, is told of a change as soon as anybody', async () => {
  const { clock, board, services, lines, sink } = world('a/one');
  const [one] = services;
  const stop = board.follow(sink);
  guest(one);
  stop();
  board.follow(sink);
  guest(one);
  await clock.advance(50);
  expect(lines.slice(2)).toEqual([{ 'a/one': { inFlight: 0, waiting: 2, arrived: 2 } }]);
});

test('over HTTP: who comes back gets everything in the first line', async () => {
  const { clock, board, services } = world('a/one');
  const app = adminApp({ registry: new Registry(), notReady: () => undefined });
  app.get('/demand', demandHandler(board));
  const server = createServer(app);
  const port = await listen(server, 0);
  const lines: [unknown, boolean][] = [];
  let lost = 0;
  const stop = subscribe({
    ...{ url: `http://127.0.0.1:${port}`, clock, random: () => 0 },
    onLine: (line, first) => lines.push([JSON.parse(line).services, first]),
    onLost: () => lost++,
  });
  const [one] = services;
  await until(() => lines.length === 1);
  guest(one);
  await clock.advance(50);
  await until(() => lines.length === 2);
  server.closeAllConnections();
  await until(() => lost === 1);
  await clock.advance(1000);
  await until(() => lines.length === 3);
  expect(lines).toEqual([
    [{}, true],
    [{ 'a/one': { inFlight: 0, waiting: 1, arrived: 1 } }, false],
    [{ 'a/one': { inFlight: 0, waiting: 1, arrived: 1 } }, true],
  ]);
  stop();
  server.close();
  server.closeAllConnections();
});
