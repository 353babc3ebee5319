/**
 * Callers who do not read their answers. Node waits for them without end, and an answer holds its memory, and what its
 * request holds, until it is read. Whoever takes nothing of what waits for him is cut off; whoever waits himself, for an
 * answer that takes its time, is not.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { askedOf } from './unanswered.ts';

const unreadMs = 60_000;

/** Cuts off callers who take nothing of their answers for so many milliseconds. */
export function dropUnread(server: Server, afterMs = unreadMs): void {
  const { unanswered } = askedOf(server);
  // Node counts from the last byte that went either way, also within a large piece; and calls here for idle connections, too.
  server.setTimeout(afterMs, (socket: Socket) => {
    const waits = unanswered(socket).length > 0 && socket.writableLength === 0;
    if (waits) socket.setTimeout(afterMs);
    else socket.destroy();
  });
}
