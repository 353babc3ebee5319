/**
 * What node:http refuses, or drops, before there is a request, said in the shape of the Open Inference Protocol, or of another
 * where the request's path is known.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { askedOf } from './unanswered.ts';

/** How long a refused client has to read why; then its socket is gone, whether it hangs up or not. */
const lingerMs = 1_000;

const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Why a request was refused. */
export interface Malformed {
  readonly status: number;
  readonly sentence: string;
  /** As it came, host and query included; undefined where nobody could see it. */
  readonly path: string | undefined;
}

/** The body that its caller can read. */
export type MalformedShape = (malformed: Malformed) => object;

const sentenceAlone: MalformedShape = ({ sentence }) => ({ error: sentence });

/** By what name a request is known, which its answer then says; undefined is none. */
export type NameOf = (request: IncomingMessage) => string | undefined;

const nameless: NameOf = () => undefined;

/** What the parser tells of a fault. */
interface ParserFault extends Error {
  readonly code?: string;
  readonly reason?: string;
  /** Absent where nothing came, too late. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/**
 * The path of the request in which a packet goes wrong, where the packet has its first line: the last one up to the line with
 * the fault. Searched without patterns, since a stranger wrote the text.
 */
function pathIn({ rawPacket, bytesParsed = 0 }: ParserFault): string | undefined {
  if (rawPacket === undefined) return undefined;
  const lineEnd = rawPacket.indexOf('\n', bytesParsed);
  const text = rawPacket.toString('latin1', 0, lineEnd === -1 ? rawPacket.length : lineEnd);
  const end = text.lastIndexOf(' HTTP/1.');
  const path = end === -1 ? '' : text.slice(text.lastIndexOf(' ', end - 1) + 1, end);
  return /^(?:\/|http:)/.test(path) ? path : undefined;
}

/** Says why on a connection that has no response, and ends it. `status`: code and phrase, and further headers. */
function refuseOn(socket: Duplex, status: string, content: object): void {
  if (!socket.writable || socket.destroyed) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(content);
  const length = Buffer.byteLength(body);
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}`;
  socket.end(`${head}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/** Heads and chunks that are malformed, too large or too slow. */
function answerClientError(
  fault: ParserFault,
  socket: Duplex,
  [shape, path]: [MalformedShape, string | undefined],
): void {
  const { code = '' } = fault;
  const status = statuses[code] ?? '400 Bad Request';
  const reason = code.startsWith('HPE_') ? (fault.reason ?? '') : status.slice(4);
  const sentence = `the request is not valid HTTP: ${reason.toLowerCase()}`;
  refuseOn(socket, status, shape({ status: Number(status.slice(0, 3)), sentence, path }));
}

/**
 * Refuses what a connection says after requests that are still being answered, once they have been: whoever sends requests in a
 * row takes the first answer for that of the first one. A fault inside the last request itself is refused at once.
 */
function answerInTurn(server: Server, shape: MalformedShape): void {
  const asked = askedOf(server);
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (fault: ParserFault, socket: Socket) => {
    const last = asked.last(socket);
    const path = last?.req.complete === false ? last.req.url : pathIn(fault);
    if (last === undefined || last.closed || !last.req.complete) {
      answerClientError(fault, socket, [shape, path]);
    } else if (!refused.has(socket)) {
      refused.add(socket);
      // An answer that was the connection's last has ended it already.
      last.once('close', () => socket.writableEnded || answerClientError(fault, socket, [shape, path]));
    }
  });
}

/** Methods that some path takes. */
const methods = 'GET, HEAD, POST';

/** Without a listener node:http would hang up without a word. From here on the socket is ours, and so are its errors. */
function answerConnect(socket: Duplex, name: string | undefined): void {
  socket.on('error', () => socket.destroy()).resume();
  const error = `CONNECT is not allowed here, ${methods} are`;
  const named = name === undefined ? '' : `\r\nX-Request-Id: ${name}`;
  refuseOn(socket, `405 Method Not Allowed\r\nAllow: ${methods}${named}`, { error });
}

function refuse(response: ServerResponse, shape: MalformedShape, why: Omit<Malformed, 'path'>): void {
  const body = JSON.stringify(shape({ ...why, path: response.req.url }));
  const length = Buffer.byteLength(body);
  const headers = { 'content-type': 'application/json', 'content-length': length, connection: 'close' };
  response.writeHead(why.status, headers).end(body);
}

/**
 * Makes a server answer malformed requests itself. An Upgrade needs no answer of its own: nobody listens for it, so the
 * request is taken as the HTTP/1.1 that it is, as RFC 9110, 7.8 allows; Java's client offers h2c like this. Its listener must begin with `refuseWithoutHost`. */
export function answerMalformed(server: Server, shape = sentenceAlone, nameOf = nameless): void {
  answerInTurn(server, shape);
  server.on('connect', (request: IncomingMessage, socket: Duplex) => answerConnect(socket, nameOf(request)));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const name = nameOf(request);
    if (name !== undefined) response.setHeader('X-Request-Id', name);
    refuse(response, shape, { status: 417, sentence: "the only expectation that can be met is '100-continue'" });
  });
}

/** Options of a server that uses this file: node:http would refuse a missing Host with an empty body. */
export const malformedOptions = { requireHostHeader: false } as const;

/** Lines of a head that say a host: node:http tells of the first alone, and a proxy may have gone by another. */
function hostsIn(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}

/** HTTP/1.1 demands one Host. True when the request had none or several and has been answered. */
export function refuseWithoutHost(
  { httpVersion, rawHeaders }: IncomingMessage,
  response: ServerResponse,
  shape = sentenceAlone,
): boolean {
  const hosts = hostsIn(rawHeaders);
  if (hosts === 1 || (hosts === 0 && httpVersion !== '1.1')) return false;
  refuse(response, shape, {
    status: 400,
    sentence: `the request has ${hosts === 0 ? 'no' : 'more than one'} Host header`,
  });
  return true;
}
