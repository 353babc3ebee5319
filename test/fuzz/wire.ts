/** Sends what the generators made, over real sockets, and says what is wrong with the answer. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { Attack } from './arbitrary.ts';

/** A hang, not a slow machine: all of this is answered in milliseconds. */
const hangMs = 30_000;

interface Heard {
  readonly code: number;
  readonly type: string;
  readonly text: string;
}

/** Sends a request, and hears the whole answer. */
export function ask(port: number, { method, path, headers, body }: Attack): Promise<Heard> {
  // node:http frames bodies by itself only where a method usually has one.
  const framed = { ...headers, 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      port,
      method,
      path: encodeURI(path),
      headers: framed,
      host: '127.0.0.1',
      timeout: hangMs,
      agent: false,
    });
    call.once('timeout', () => call.destroy(new Error('no answer: it hangs')));
    call.once('error', reject);
    call.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const type = response.headers['content-type'] ?? '';
        resolve({ code: response.statusCode ?? 0, type, text: Buffer.concat(chunks).toString() });
      });
    });
    call.end(body);
  });
}

/** A stream has begun with 200 and can only say it in an event of its own. */
const isServersFault = ({ code, text }: Heard): boolean => code >= 500 || text.includes('"type":"server_error"');

/** In every protocol of the server a refusal is an object whose `error` says why. */
function saysWhy({ type, text }: Heard): boolean {
  if (!type.startsWith('application/json')) return false;
  const { error } = JSON.parse(text) as { readonly error?: unknown };
  return typeof error === 'string' ? error !== '' : typeof error === 'object' && error !== null;
}

const isReadiness = (path: string): boolean => /\/(ready|live)$/.test(path);

/** Who says how long he waits may have waited for so long, which is nobody's mistake. */
const isLate = ({ code }: Heard, { headers, body }: Attack): boolean =>
  code === 504 && ('grpc-timeout' in headers || body.includes('"timeout"'));

/** What is wrong with the answer to one request; undefined when nothing is. */
export async function httpFault(port: number, attack: Attack): Promise<string | undefined> {
  const heard = await ask(port, attack);
  if (isServersFault(heard) && !isLate(heard, attack))
    return `a mistake of the caller's was answered with ${heard.code}: ${heard.text.slice(0, 300)}`;
  const refused = heard.code >= 400 && attack.method !== 'HEAD' && !isReadiness(attack.path);
  if (refused && heard.text !== '' && !/gzip|deflate/.test(attack.headers['accept-encoding'] ?? '') && !saysWhy(heard))
    return `${heard.code} without a sentence: ${heard.text.slice(0, 300)}`;
  return undefined;
}

/** Writes bytes and half-closes; that must end, and whatever is said back must not be the server's own fault. */
export async function rawFault(port: number, bytes: Buffer, withinMs = hangMs): Promise<string | undefined> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.end(bytes);
  const late = new AbortController();
  const hangs = sleep(withinMs, true, { signal: late.signal }).catch(() => false);
  if (await Promise.race([hangs, closed.then(() => false)])) {
    socket.destroy();
    return 'neither answered nor closed: it hangs';
  }
  late.abort();
  const [line = ''] = Buffer.concat(chunks).toString('latin1').split('\r\n');
  return /^HTTP\/1\.1 5/.test(line) ? `answered with ${line}` : undefined;
}

/** A call of gRPC by its frames alone. */
export interface FramedCall {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is sent of its body, in pieces. */
  readonly pieces: readonly Buffer[];
}

/** The status in whichever part of the answer has it; undefined where there is none. */
const statusOf = (headers: IncomingHttpHeaders): number | undefined =>
  headers['grpc-status'] === undefined ? undefined : Number(headers['grpc-status']);

/** Sends messages whose frames may lie; that must end, with what is the caller's fault. */
export function framesFault(address: string, { method, headers, pieces }: FramedCall): Promise<string | undefined> {
  const session = connectHttp2(`http://${address}`);
  return new Promise<string | undefined>((resolve) => {
    let [http, found]: readonly (number | undefined)[] = [];
    const hear = (answer: IncomingHttpHeaders & { readonly ':status'?: number }): void => {
      http = answer[':status'] ?? http;
      found = statusOf(answer) ?? found;
    };
    const late = setTimeout(() => resolve('neither answered nor closed: it hangs'), hangMs);
    session.once('error', (error) => resolve(String(error)));
    const call = session.request({
      ...{ ':method': 'POST', ':path': `/inference.GRPCInferenceService/${method}`, te: 'trailers' },
      ...{ 'content-type': 'application/grpc', ...headers },
    });
    call
      .on('response', hear)
      .on('trailers', hear)
      .on('error', () => undefined)
      .resume();
    call.once('close', () => {
      clearTimeout(late);
      const isRefused = http !== undefined && http >= 400 && http < 500;
      const isLate = found === status.DEADLINE_EXCEEDED && 'grpc-timeout' in headers;
      const isTold = found !== undefined && callersFault.has(found);
      resolve(
        isRefused || isTold || isLate
          ? undefined
          : `HTTP ${http ?? 'without a status'}, gRPC ${found ?? 'without one'}`,
      );
    });
    for (const piece of pieces) call.write(piece);
    call.end();
  }).finally(() => session.destroy());
}

const asIs = (bytes: Buffer): Buffer => bytes;
/** What gRPC calls the caller's fault, and what it says of messages that are none. */
const callersFault: ReadonlySet<number> = new Set([
  ...[status.OK, status.INVALID_ARGUMENT, status.NOT_FOUND, status.UNIMPLEMENTED, status.PERMISSION_DENIED],
  ...[status.FAILED_PRECONDITION, status.OUT_OF_RANGE, status.RESOURCE_EXHAUSTED],
]);

/** Calls methods with messages as they are. */
export function grpcFaults(address: string) {
  const client = new Client(address, credentials.createInsecure());
  const fault = (method: string, message: Buffer): Promise<string | undefined> =>
    new Promise((resolve) => {
      const path = `/inference.GRPCInferenceService/${method}`;
      client.makeUnaryRequest(
        path,
        asIs,
        asIs,
        message,
        { deadline: Date.now() + hangMs },
        (error: ServiceError | null) => {
          const isOurs = error !== null && !callersFault.has(error.code);
          resolve(isOurs ? `status ${status[error.code]}: ${error.details}` : undefined);
        },
      );
    });
  return { fault, close: () => client.close() };
}
