/** One small GET to a pod: nothing is followed, nothing large is read, nothing lasts. The adapter behind the Pull port. */
import { get, type IncomingMessage } from 'node:http';

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

/** How long a pod may take, in milliseconds. */
export interface PullLimits {
  readonly answerMs: number;
  readonly connectMs: number;
}

/** A connection has room for one packet that is lost: whoever drops all of them is to cost less than whoever is slow. */
const limits: PullLimits = { answerMs: 5000, connectMs: 2000 };
const mostBytes = 64 * 1024;

/** Asks over a connection of its own: ten thousand pods are not worth ten thousand idle connections. */
export const pull = (
  target: PullTarget,
  signal: AbortSignal,
  { answerMs, connectMs }: PullLimits = limits,
): Promise<PullAnswer> =>
  new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(answerMs);
    const stop = AbortSignal.any([signal, late]);
    let isAccepted = false;
    const refuse = (error: Error): void => reject(isAccepted && late.aborted ? new Mute() : error);
    const request = get({ ...target, agent: false, signal: stop, headers: { Accept: 'application/json' } });
    const unconnected = setTimeout(() => request.destroy(new Error('no connection in time')), connectMs);
    request.on('socket', (socket) =>
      socket.once('connect', () => {
        isAccepted = true;
        clearTimeout(unconnected);
      }),
    );
    request.on('close', () => clearTimeout(unconnected));
    request.on('error', refuse);
    request.on('response', (response) => {
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
