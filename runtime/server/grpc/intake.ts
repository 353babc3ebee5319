/**
 * What messages hold while they come. The library bounds each and tells nobody of one before it is whole; of many callers who
 * never finish theirs the sum would know no bound. Node tells of every HTTP/2 stream of the process before the library reads
 * it, so its bytes can be counted as those of a body are: what has no room is refused, and what takes too long. What has come
 * reaches the library when it is whole, as what it was before it was compressed, for the same reason. And what the library refuses
 * itself gets a name here.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { callOf } from '../access-log.ts';
import { wholeWithinMs } from '../body.ts';
import type { Face } from '../face.ts';
import { Refusal, refusalOf } from '../protocol/errors.ts';
import { codeOf, detailsOf } from './status.ts';
import { dropUnread } from './unread.ts';
import { codings, WholeMessage } from './whole-message.ts';

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

/** Headers as names and values in turn, which nobody writes here. */
const isList = (headers: OutgoingHttpHeaders | readonly string[]): headers is readonly string[] =>
  Array.isArray(headers);

/** The library calls a call that it cannot read our mistake, such as one with a `grpc-timeout` that is none. */
const blamed = <T>(status: T): T | number =>
  Number(status) === codeOf({ kind: 'internal' }) ? codeOf({ kind: 'invalid' }) : status;

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
    const status = blamed(told['grpc-status']);
    respond({ ...told, ...(status !== undefined && { 'grpc-status': status }), 'x-request-id': requestId }, options);
    const code = nameOf(Number(status)) ?? told[':status'];
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

/** Refuses a call whose message takes too long to come. */
function time({ face }: Intake, incoming: Incoming): void {
  const { stream } = incoming;
  const limitMs = wholeWithinMs(face);
  const late = new Refusal({ kind: 'expired' }, `the message was not whole within ${Math.ceil(limitMs / 1000)} s`);
  const timer = setTimeout(() => refuse(incoming, late), limitMs).unref();
  for (const event of ['end', 'close']) stream.once(event, () => clearTimeout(timer));
}

/**
 * Has a call read once it is whole, as what it was before it was compressed; what has no room is refused. Node pushes what comes to
 * the stream's readers.
 */
function gather({ face }: Intake, incoming: Incoming): void {
  const { stream, headers } = incoming;
  const push = stream.push.bind(stream);
  const coding = codings.find((known) => known === headers['grpc-encoding']);
  const message = new WholeMessage(face, stream, coding);
  let isOver = false;
  const end = (): void => {
    isOver = true;
    push(null);
  };
  const fail = (error: unknown): void => {
    refuse(incoming, refusalOf(error));
    end();
  };
  const pass = (pieces: readonly Buffer[]): void => {
    for (const piece of pieces) push(piece);
    end();
  };
  stream.push = (chunk: Buffer | null): boolean => {
    // Nobody reads what has failed already, and what the library has refused.
    if (isOver) return true;
    if (stream.listenerCount('data') === 0) return push(chunk);
    try {
      if (chunk === null) message.whole().then(pass).catch(fail);
      else message.add(chunk);
    } catch (error) {
      fail(error);
    }
    return true;
  };
}

/** Counts the calls that come from now on; what is returned ends that. */
export function countIncoming(intake: Intake): () => void {
  const onCreated = (message: unknown): void => {
    const incoming = message as Incoming;
    const { stream } = incoming;
    if (stream.session?.socket.localPort !== intake.port) return;
    name(intake, incoming);
    dropUnread(stream);
    gather(intake, incoming);
    // Before the library listens, and not where it never does: a reader of ours alone would lose what the library wants to read.
    const onListener = (event: string): void => {
      if (event !== 'data') return;
      stream.off('newListener', onListener);
      time(intake, incoming);
    };
    stream.on('newListener', onListener);
  };
  subscribe(channel, onCreated);
  return () => unsubscribe(channel, onCreated);
}
