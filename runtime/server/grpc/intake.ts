/**
 * What messages hold while they come. The library bounds each and tells nobody of one before it is whole; of many callers who
 * never finish theirs the sum would know no bound. Node tells of every HTTP/2 stream of the process before the library reads
 * it, so its bytes can be counted as those of a body are: what has no room is refused, and what takes too long.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { callOf } from '../access-log.ts';
import { Share, wholeWithinMs } from '../body.ts';
import type { Face } from '../face.ts';
import { Refusal, refusalOf } from '../protocol/errors.ts';
import { codeOf, detailsOf } from './status.ts';

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

/** In front of each message: whether it is compressed, and its length. */
const prefixBytes = 5;

/** Says why on a call that nobody has answered, and reads no more of it. */
function refuse({ face, nameOf }: Intake, { stream, headers }: Incoming, { fault, message }: Refusal): void {
  if (stream.destroyed || stream.closed) return;
  // The library has answered already, and said so; there is no more to be read.
  if (stream.headersSent) {
    stream.close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  const code = codeOf(fault);
  const call = callOf(face.access, { requestId: headers['x-request-id'], traceParent: headers['traceparent'] });
  const told = {
    ...{ 'content-type': 'application/grpc+proto', 'x-request-id': call.requestId },
    ...{ 'grpc-status': code, 'grpc-message': encodeURI(detailsOf(message)) },
    ...('retryAfterSeconds' in fault && { 'retry-after': String(fault.retryAfterSeconds) }),
  };
  stream.respond(told, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
  call.tell?.(() => ({ method: headers[':path'], code: nameOf(code) }));
}

/** Counts what a call sends until its message is whole, when it counts as what it is; one that was compressed beside that. */
function count(intake: Intake, incoming: Incoming): void {
  const { stream } = incoming;
  const { face } = intake;
  const limitMs = wholeWithinMs(face);
  const late = new Refusal({ kind: 'expired' }, `the message was not whole within ${Math.ceil(limitMs / 1000)} s`);
  const timer = setTimeout(() => refuse(intake, incoming, late), limitMs).unref();
  let share: Share | undefined;
  let isCompressed = false;
  const begin = (first: Buffer): Share => {
    isCompressed = first[0] === 1;
    return new Share(face.bodies, stream, first.length < prefixBytes ? 0 : first.readUInt32BE(1));
  };
  stream.on('data', (chunk: Buffer) => {
    try {
      share ??= begin(chunk);
      share.hold(chunk.length);
    } catch (error) {
      refuse(intake, incoming, refusalOf(error));
    }
  });
  stream.once('end', () => {
    clearTimeout(timer);
    if (!isCompressed) share?.release();
  });
  stream.once('close', () => clearTimeout(timer));
}

/** Counts the calls that come from now on; what is returned ends that. */
export function countIncoming(intake: Intake): () => void {
  const onCreated = (message: unknown): void => {
    const incoming = message as Incoming;
    const { stream } = incoming;
    if (stream.session?.socket.localPort !== intake.port) return;
    // Before the library listens, and not where it never does: a reader of ours alone would lose what the library wants to read.
    const onListener = (event: string): void => {
      if (event !== 'data') return;
      stream.off('newListener', onListener);
      count(intake, incoming);
    };
    stream.on('newListener', onListener);
  };
  subscribe(channel, onCreated);
  return () => unsubscribe(channel, onCreated);
}
