/** What node:http refuses, or drops, before there is a request, said in the shape of the Open Inference Protocol. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** How long a refused client has to read why; then its socket is gone, whether it hangs up or not. */
const lingerMs = 1_000;

const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

const errorBody = (sentence: string): string => JSON.stringify({ error: sentence });

/** Says why on a connection that has no response, and ends it. `status`: code and phrase, and further headers. */
function refuseOn(socket: Duplex, status: string, sentence: string): void {
  if (!socket.writable || socket.destroyed) {
    socket.destroy();
    return;
  }
  const body = errorBody(sentence);
  const length = Buffer.byteLength(body);
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}`;
  socket.end(`${head}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/** Heads and chunks that are malformed, too large or too slow. */
function answerClientError(error: Error, socket: Duplex): void {
  const code = 'code' in error ? String(error.code) : '';
  const status = statuses[code] ?? '400 Bad Request';
  const reason = 'reason' in error && code.startsWith('HPE_') ? String(error.reason) : status.slice(4);
  refuseOn(socket, status, `the request is not valid HTTP: ${reason.toLowerCase()}`);
}

/**
 * Refuses what a connection says after requests that are still being answered, once they have been: whoever sends requests in a
 * row takes the first answer for that of the first one. A fault inside the last request itself is refused at once.
 */
function answerInTurn(server: Server): void {
  const lastOf = new WeakMap<Duplex, ServerResponse>();
  const refused = new WeakSet<Duplex>();
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    lastOf.set(socket, response);
  });
  server.on('clientError', (error: Error, socket: Duplex) => {
    const last = lastOf.get(socket);
    if (last === undefined || last.closed || !last.req.complete) {
      answerClientError(error, socket);
    } else if (!refused.has(socket)) {
      refused.add(socket);
      // An answer that was the connection's last has ended it already.
      last.once('close', () => socket.writableEnded || answerClientError(error, socket));
    }
  });
}

/** Methods that some path takes. */
const methods = 'GET, HEAD, POST';

/** Without a listener node:http would hang up without a word. From here on the socket is ours, and so are its errors. */
function answerConnect(_request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy()).resume();
  refuseOn(socket, `405 Method Not Allowed\r\nAllow: ${methods}`, `CONNECT is not allowed here, ${methods} are`);
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  const body = errorBody(sentence);
  const headers = { 'content-type': 'application/json', 'content-length': body.length, connection: 'close' };
  response.writeHead(status, headers).end(body);
}

/**
 * Makes a server answer malformed requests itself. An Upgrade needs no answer of its own: nobody listens for it, so the
 * request is taken as the HTTP/1.1 that it is, as RFC 9110, 7.8 allows; Java's client offers h2c like this. Its listener must begin with `refuseWithoutHost`. */
export function answerMalformed(server: Server): void {
  answerInTurn(server);
  server.on('connect', answerConnect);
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    refuse(response, 417, "the only expectation that can be met is '100-continue'");
  });
}

/** Options of a server that uses this file: node:http would refuse a missing Host with an empty body. */
export const malformedOptions = { requireHostHeader: false } as const;

/** HTTP/1.1 demands a Host. True when the request lacked it and has been answered. */
export function refuseWithoutHost({ httpVersion, headers }: IncomingMessage, response: ServerResponse): boolean {
  if (httpVersion !== '1.1' || headers.host !== undefined) return false;
  refuse(response, 400, 'the request has no Host header');
  return true;
}
