/**
 * Loaded into a candidate before its own code: on SIGUSR2 it meets with what MISHAP names, as by a pause of the process
 * or a bug. It stands still until the file MISHAP_OVER is there, at the very place from which a write would be next.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';

export type Mishap = 'between two writes' | 'before a write is sent' | 'no timer fires';

interface Told {
  readonly request: { readonly method: string; readonly path: string };
}

/** No callback runs, no signal is heard: like a process that is not scheduled. */
function standStill(): void {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(process.env['MISHAP_OVER'] ?? '')) Atomics.wait(bell, 0, 0, 50);
}

/** Requests begun and neither answered whole nor failed, watches aside: those have connections of their own. */
const underWay = new Set<object>();
const isWatch = ({ request }: Told): boolean => request.path.includes('watch=');
subscribe('undici:request:create', (message) => {
  if (!isWatch(message as Told)) underWay.add((message as Told).request);
});
for (const end of ['trailers', 'error'])
  subscribe(`undici:request:${end}`, (message) => void underWay.delete((message as Told).request));

/**
 * The HTTP client tells in the same turn of the event loop in which it goes on: no timer can come between. Where another
 * request is under way it might go on by opening a connection, which takes turns.
 */
function standStillOnce(moment: 'request:create' | 'request:trailers', kind: string): void {
  const channel = `undici:${moment}`;
  const hear = (message: unknown): void => {
    const { request } = message as Told;
    if (request.method !== 'POST' || !request.path.includes(`/${kind}?`)) return;
    if ([...underWay].some((other) => other !== request)) return;
    unsubscribe(channel, hear);
    standStill();
  };
  subscribe(channel, hear);
}

/** From here on no timer of ours fires; those of the runtime itself go on, such as the limit of a request. */
function muteTimers(): void {
  timersFire = false;
}

let timersFire = true;
const { setTimeout: plainSetTimeout } = globalThis;
const mutable = (callback: (...rest: unknown[]) => void, delayMs?: number, ...rest: unknown[]): NodeJS.Timeout =>
  plainSetTimeout(() => {
    if (timersFire) callback(...rest);
  }, delayMs);
globalThis.setTimeout = Object.assign(mutable, { __promisify__: plainSetTimeout.__promisify__ }) as typeof setTimeout;

/** The first two writes of a job of two workers are a Service and a Job, one after the answer to the other. */
const mishaps: Readonly<Record<Mishap, () => void>> = {
  'between two writes': () => standStillOnce('request:trailers', 'services'),
  'before a write is sent': () => standStillOnce('request:create', 'jobs'),
  'no timer fires': muteTimers,
};

process.on('SIGUSR2', () => mishaps[process.env['MISHAP'] as Mishap]());
