/**
 * Callers who do not read their answers, as ../../../process/unread.ts has them for HTTP/1.1. Over HTTP/2 they may answer every
 * ping and take nothing, and an answer holds its memory until it is read. How much of it is left nobody tells, so that it has as
 * long as a slow line needs for all of it.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { roundMs, roundsFor } from '../slow-line.ts';

/** Ends a call whose answer is not taken. */
export function dropUnread(stream: ServerHttp2Stream, afterMs = roundMs): void {
  /** Undefined while there is nothing to be read. */
  let rounds: number | undefined;
  const look = (): void => {
    if (!(stream.bufferSize > 0)) rounds = undefined;
    else if (rounds === undefined) rounds = roundsFor(stream.bufferSize, afterMs);
    else rounds -= 1;
    if (rounds === 0) stream.close(constants.NGHTTP2_CANCEL);
  };
  const timer = setInterval(look, afterMs).unref();
  stream.once('close', () => clearInterval(timer));
}
