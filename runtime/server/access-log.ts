/** The name of every request in its answer, and a line in the log for some of them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../../process/logger.ts';
import { requestIdOf, traceIdOf } from '../../process/request-id.ts';

/** Chance, identity and time are given. */
export interface AccessLog {
  readonly log: Log;
  /** Whether this request is written to the log. */
  readonly sampled: () => boolean;
  readonly newId: () => string;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/** What was asked, and what came of it. */
type Fields = () => Readonly<Record<string, unknown>>;

/** A request by whatever protocol it came. */
export interface Call {
  readonly requestId: string;
  /** Writes its line when it is over; undefined for one that is not sampled. */
  readonly tell?: (fields: Fields) => void;
}

/** A call by two of its headers, which may be absent or of any form. */
export function callOf(
  access: AccessLog,
  headers: { readonly requestId: unknown; readonly traceParent: unknown },
): Call {
  const requestId = requestIdOf(headers.requestId, access.newId);
  if (!access.sampled()) return { requestId };
  const traceId = traceIdOf(headers.traceParent);
  const startedMs = access.now();
  const tell = (fields: Fields): void => {
    const tookMs = Math.round(access.now() - startedMs);
    access.log.info('request', { ...fields(), requestId, ...(traceId !== undefined && { traceId }), tookMs });
  };
  return { requestId, tell };
}

/** Who leaves before the answer is out is told of as 499, as by the gateway; a path is told without its query. */
export function observeHttp(access: AccessLog, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '', headers } = request;
  const call = callOf(access, { requestId: headers['x-request-id'], traceParent: headers['traceparent'] });
  response.setHeader('X-Request-Id', call.requestId);
  if (call.tell === undefined) return;
  const { tell } = call;
  response.once('close', () =>
    tell(() => ({
      ...{ method, path: url.replace(/\?.*/s, '') },
      code: response.writableFinished ? response.statusCode : 499,
    })),
  );
}
