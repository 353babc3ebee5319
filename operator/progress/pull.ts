/** One small GET to a pod: nothing is followed, nothing large is read, nothing lasts. The adapter behind the Pull port. */
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Where to ask. */
export interface PullTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** What a pod said. A redirect is an answer like any other, and no news. */
export interface PullAnswer {
  readonly status: number;
  readonly body: string;
}

/** Somebody took the connection and did not answer in time: a process that is frozen, not one that is gone. */
export class Mute extends Error {
  constructor() {
    super('the connection was accepted, and no answer came in time');
    this.name = 'Mute';
  }
}

/**
 * Rejects when nobody answers, when no connection comes about in time, when the answer takes too long (Mute) or is too
 * large, and when `signal` aborts.
 */
export type Pull = (target: PullTarget, signal: AbortSignal) => Promise<PullAnswer>;

/** How long a pod may take, in milliseconds: to take the connection, and then to answer. */
export interface PullLimits {
  readonly connectMs: number;
  readonly answerMs: number;
}

/** A connection has room for one packet that is lost: whoever drops all of them is to cost less than whoever is slow. */
const limits: PullLimits = { connectMs: 2000, answerMs: 5000 };
const mostBytes = 64 * 1024;

/** Asks over a connection of its own: ten thousand pods are not worth ten thousand idle connections. */
export async function pull(
  target: PullTarget,
  signal: AbortSignal,
  { connectMs, answerMs }: PullLimits = limits,
): Promise<PullAnswer> {
  return answered(target, await connected(target, signal, connectMs), answerMs);
}

/** A request is begun only then: most of those that are asked for ever refuse, and it costs three times as much. */
const connected = ({ host, port }: PullTarget, signal: AbortSignal, withinMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const stop = (): void => void socket.destroy(new Error('aborted'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    socket.once('close', () => signal.removeEventListener('abort', stop));
    socket.setTimeout(withinMs, () => socket.destroy(new Error('no connection in time')));
    // It stays: the request hears of errors only once it has begun.
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });

const answered = (target: PullTarget, socket: Socket, withinMs: number): Promise<PullAnswer> =>
  new Promise((resolve, reject) => {
    const request = get({ ...target, createConnection: () => socket, headers: { Accept: 'application/json' } });
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, withinMs);
    const refuse = (error: Error): void => reject(isLate ? new Mute() : error);
    // Whatever a pod does, the question ends: it has one of few places.
    const unheard = (): void => refuse(new Error('the connection was closed without an answer'));
    request.on('close', () => clearTimeout(late));
    request.on('close', unheard);
    request.on('error', refuse);
    // Of these there might be any number before an answer, and each costs as much as one.
    request.on('information', () => request.destroy(new Error('there was an answer before the answer')));
    request.on('upgrade', (_response, other) => other.destroy(new Error('another protocol')));
    request.on('response', (response) => {
      request.off('close', unheard);
      bodyOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), refuse);
    });
  });

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    if (!Buffer.isBuffer(part)) continue;
    bytes += part.length;
    // Leaving the loop destroys the connection.
    if (bytes > mostBytes) throw new Error(`the answer has more than ${String(mostBytes)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
