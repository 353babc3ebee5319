/** The responses of each connection that are not over yet; several where a client sends the next request before the answer. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Looks from now on; before any other listener of the server has answered. */
export function unansweredOf(server: Server): (socket: Socket) => ReadonlySet<ServerResponse> {
  const asked = new WeakMap<Socket, Set<ServerResponse>>();
  const of = (socket: Socket): Set<ServerResponse> => {
    const known = asked.get(socket) ?? new Set();
    asked.set(socket, known);
    return known;
  };
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const unanswered = of(socket);
    unanswered.add(response);
    response.once('close', () => unanswered.delete(response));
  });
  return of;
}
