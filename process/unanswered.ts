/** What each connection was asked, as far as it is not over yet: several where a client sends the next request before the answer. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Of one server. */
export interface Asked {
  /** The responses that are not over yet. */
  readonly unanswered: (socket: Socket) => readonly ServerResponse[];
  /** The last response of a connection, over or not; undefined before the first request. */
  readonly last: (socket: Socket) => ServerResponse | undefined;
}

/** All who ask about one server look once: each look costs every request. */
const looks = new WeakMap<Server, Asked>();

/** Looks from now on; before any other listener of the server has answered. */
export function askedOf(server: Server): Asked {
  const asked = looks.get(server) ?? lookAt(server);
  looks.set(server, asked);
  return asked;
}

function lookAt(server: Server): Asked {
  const responses = new WeakMap<Socket, ServerResponse[]>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const known = responses.get(socket);
    if (known === undefined) {
      responses.set(socket, [response]);
      return;
    }
    // What is over leaves when the next one comes: to listen for its end would cost more than all of this.
    while (known[0]?.closed === true) known.shift();
    known.push(response);
  });
  const of = (socket: Socket): readonly ServerResponse[] => responses.get(socket) ?? [];
  return {
    unanswered: (socket) => of(socket).filter(({ closed }) => !closed),
    last: (socket) => of(socket).at(-1),
  };
}
