/** Bytes of a watch → lines → events. A frame may be cut anywhere; a half frame at the end never happened. */
import { codeOfStatus } from './api-errors.ts';
import { ApiError, type WatchEvent } from './cluster.ts';
import type { KubeObject } from './objects.ts';

const newline = 10;
/** Whoever sends such frames was reached, and has accepted the request. */
const answered = 200;

/** Complete lines only; what follows the last newline is dropped with the connection that should have completed it. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
}

interface Frame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/** Throws ApiError for an error frame and for a line that is no frame: the stream is then worthless. */
export function eventOf(line: string): WatchEvent<KubeObject> {
  const { type, object } = frameOf(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'put', object, added: type === 'ADDED' };
    case 'DELETED':
      return { kind: 'removed', object };
    case 'BOOKMARK':
      return bookmarkOf(object);
    case 'ERROR':
      throw errorOf(object);
    default:
      throw new ApiError('unavailable', `watch frame of unknown type ${String(type satisfies never)}`, {
        status: answered,
      });
  }
}

function bookmarkOf({ metadata }: KubeObject): WatchEvent<KubeObject> {
  const endsList = metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
  const { resourceVersion = '' } = metadata;
  return { kind: 'bookmark', resourceVersion, ...(endsList ? { endsList } : {}) };
}

function frameOf(line: string): Frame {
  try {
    return JSON.parse(line) as Frame;
  } catch (error) {
    throw new ApiError('unavailable', 'unreadable watch frame', { status: answered, cause: error });
  }
}

function errorOf(status: object): ApiError {
  const code = 'code' in status && typeof status.code === 'number' ? status.code : 500;
  const message = 'message' in status && typeof status.message === 'string' ? status.message : 'watch failed';
  return new ApiError(codeOfStatus(code), message, { status: code });
}
