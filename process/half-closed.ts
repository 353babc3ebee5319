/**
 * Clients that close their sending side after the last request, as `printf … | nc -N` does, still read: they get their
 * answers. Whoever has gone altogether looks the same, since TCP says "no more from me" in both cases, and would hold
 * its seat. So a half-closed HTTP/1.1 client whose answer is late is sent `100 Continue`, which every client must skip
 * (RFC 9110, 15.2): what is gone answers with a reset, and the second write finds it. HTTP/1.0 knows no interim answers:
 * there, one who has gone is noticed when the answer is written.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from './clock.ts';
import { askedOf } from './unanswered.ts';

/** A prompt answer comes without an interim one. Each further wait is twice as long. */
const firstProbeMs = 250;

/** Part of node:http since its beginnings, absent from its types: whether `end` of a socket leaves it writable. */
interface HalfOpen {
  httpAllowHalfOpen: boolean;
}

const mayBeProbed = ({ req, socket, headersSent }: ServerResponse): boolean =>
  req.httpVersion === '1.1' && socket !== null && !headersSent;

function probe(unanswered: () => readonly ServerResponse[], clock: Clock, afterMs: number): void {
  if (unanswered().length === 0) return;
  clock.after(afterMs, () => {
    for (const response of unanswered()) if (mayBeProbed(response)) response.writeContinue();
    probe(unanswered, clock, 2 * afterMs);
  });
}

/** Makes a server answer clients that have closed their sending side, and still miss those that have gone. */
export function answerHalfClosed(server: Server, clock: Clock): void {
  (server as Server & HalfOpen).httpAllowHalfOpen = true;
  const { unanswered } = askedOf(server);
  server.on('connection', (socket: Socket) => {
    socket.once('end', () => probe(() => unanswered(socket), clock, firstProbeMs));
  });
}
