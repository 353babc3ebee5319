/**
 * What messages hold while they come. The library bounds each and tells nobody of one before it is whole; of many callers who
 * never finish theirs the sum would know no bound. Node tells of every HTTP/2 stream of the process before the library reads
 * it, so its bytes can be counted as those of a body are: what has no room is refused, and what takes too long. What is
 * compressed reaches the library as what it was, for the same reason. And what the library refuses itself gets a name here.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { callOf } from '../access-log.ts';
import { Share, tooLarge, wholeWithinMs } from '../body.ts';
import type { Face } from '../face.ts';
import { Refusal, refusalOf } from '../protocol/errors.ts';
import { codings, expanded, prefixBytes, type Coding } from './expanded.ts';
import { codeOf, detailsOf } from './status.ts';
import { dropUnread } from './unread.ts';

const channel = 'http2.server.stream.created';

/** A call as Node tells of it. */
interface Incoming {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

/** Where calls come, and what it needs to know of them. */
export interface Intake {
  readonly face: Face;
  readonly port: number;
  /** The name of a status. */
  readonly nameOf: (code: number) => string | undefined;
}

/** Others' listeners to what a call says: the library's, and Node's own, which ask which stream they are of. */
interface Hears {
  readonly data: ((chunk: Buffer) => void)[];
  readonly end: (() => void)[];
}

/** Headers as names and values in turn, which nobody writes here. */
const isList = (headers: OutgoingHttpHeaders | readonly string[]): headers is readonly string[] =>
  Array.isArray(headers);

/** Gives what is said on a call a name, and a line in the log, where nobody has: of what the library refuses before it calls us. */
function name({ face, nameOf }: Intake, { stream, headers }: Incoming): void {
  const respond = stream.respond.bind(stream);
  stream.respond = (told = {}, options) => {
    if (isList(told) || 'x-request-id' in told) {
      respond(told, options);
      return;
    }
    const given = { requestId: headers['x-request-id'], traceParent: headers['traceparent'] };
    const { requestId, tell } = callOf(face.access, given);
    respond({ ...told, 'x-request-id': requestId }, options);
    const code = nameOf(Number(told['grpc-status'])) ?? told[':status'];
    tell?.(() => ({ method: headers[':path'], code }));
  };
}

/** Says why on a call that nobody has answered, and reads no more of it. */
function refuse({ stream }: Incoming, { fault, message }: Refusal): void {
  if (stream.destroyed || stream.closed) return;
  // The library has answered already, and said so; there is no more to be read.
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  const told = {
    ...{ 'content-type': 'application/grpc+proto' },
    ...{ 'grpc-status': codeOf(fault), 'grpc-message': encodeURI(detailsOf(message)) },
    ...('retryAfterSeconds' in fault && { 'retry-after': String(fault.retryAfterSeconds) }),
  };
  stream.respond(told, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/**
 * Counts what a call sends until its message is whole, and refuses what has no room or takes too long; what is returned tells what
 * it holds, which is nothing before its first byte. Listens by `addListener`, since `on` may be somebody else's.
 */
function count(intake: Intake, incoming: Incoming): () => Share | undefined {
  const { stream } = incoming;
  const { face } = intake;
  const limitMs = wholeWithinMs(face);
  const late = new Refusal({ kind: 'expired' }, `the message was not whole within ${Math.ceil(limitMs / 1000)} s`);
  const timer = setTimeout(() => refuse(incoming, late), limitMs).unref();
  let share: Share | undefined;
  const begin = (first: Buffer): Share =>
    new Share(face.bodies, stream, first.length < prefixBytes ? 0 : first.readUInt32BE(1));
  stream.addListener('data', (chunk: Buffer) => {
    try {
      share ??= begin(chunk);
      share.hold(chunk.length);
    } catch (error) {
      refuse(incoming, refusalOf(error));
    }
  });
  for (const event of ['end', 'close'] as const) stream.addListener(event, () => clearTimeout(timer));
  return () => share;
}

/** Counts what comes as it is; once it is whole the message counts by itself. */
function countPlain(intake: Intake, incoming: Incoming): void {
  const held = count(intake, incoming);
  incoming.stream.addListener('end', () => held()?.release());
}

/** Gives the library what a call says when it is whole, and as it was before it was compressed. */
function expand(intake: Intake, incoming: Incoming, [coding, hears]: readonly [Coding, Hears]): void {
  const { stream } = incoming;
  const { maxBodyBytes } = intake.face;
  const held = count(intake, incoming);
  const chunks: Buffer[] = [];
  let size = 0;
  stream.addListener('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBodyBytes + prefixBytes) chunks.push(chunk);
    else refuse(incoming, tooLarge(maxBodyBytes));
  });
  const pass = async (): Promise<void> => {
    const share = held();
    const bytes = Buffer.concat(chunks.splice(0));
    const pieces = share === undefined ? [] : await expanded(bytes, coding, [maxBodyBytes, share]);
    for (const piece of pieces) for (const hear of hears.data) hear.call(stream, piece);
    share?.release();
    for (const hear of hears.end) hear.call(stream);
  };
  stream.addListener('end', () => void pass().catch((error: unknown) => refuse(incoming, refusalOf(error))));
}

/** Looks at a call before the library does, and not where that never reads: a reader of ours alone would lose what it wants to. */
function look(intake: Intake, incoming: Incoming): void {
  const { stream, headers } = incoming;
  const coding = codings.find((known) => known === headers['grpc-encoding']);
  const on = stream.on.bind(stream);
  const hears: Hears = { data: [], end: [] };
  const stand = (event: string, listener: (chunk?: Buffer) => void): ServerHttp2Stream => {
    if (event === 'data' && coding === undefined) countPlain(intake, incoming);
    if (coding === undefined || (event !== 'data' && event !== 'end')) return on(event, listener);
    if (event === 'data' && hears.data.length === 0) expand(intake, incoming, [coding, hears]);
    hears[event].push(listener);
    return stream;
  };
  stream.on = stand as typeof stream.on;
}

/** Counts the calls that come from now on; what is returned ends that. */
export function countIncoming(intake: Intake): () => void {
  const onCreated = (message: unknown): void => {
    const incoming = message as Incoming;
    if (incoming.stream.session?.socket.localPort !== intake.port) return;
    name(intake, incoming);
    look(intake, incoming);
    dropUnread(incoming.stream);
  };
  subscribe(channel, onCreated);
  return () => unsubscribe(channel, onCreated);
}
