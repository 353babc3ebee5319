/** What the proxy says in the place of an API server, and what it reads in the words of one. */
import type { ServerResponse } from 'node:http';
import type { FrameVerdict } from './interference.ts';
import type { Frame } from './trace.ts';

const encoder = new TextEncoder();
const status = (code: number, reason: string): object => ({
  ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' },
  ...{ code, reason, message: `the plan says ${String(code)}` },
});
const reasons: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  409: 'Conflict',
  401: 'Unauthorized',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  504: 'Timeout',
};

export interface Whole {
  readonly statusCode: number;
  readonly body: Buffer;
}

/** Hands a frame over, or what the plan makes of it; false when the stream is over. */
export function give(verdict: Exclude<FrameVerdict, 'silence'>, line: string, outgoing: ServerResponse): boolean {
  switch (verdict) {
    case 'pass':
      outgoing.write(`${line}\n`);
      return true;
    case 'told, then dead':
      outgoing.write(`${line}\n`);
      return false;
    case 'half':
      outgoing.write(line.slice(0, line.length / 2), () => outgoing.destroy());
      return false;
    case 'closed':
      outgoing.end();
      return false;
    case 'reset':
      outgoing.destroy();
      return false;
    case 'told, then gone':
      outgoing.write(`${line}\n`);
      return give('gone', line, outgoing);
    case 'gone':
      outgoing.end(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired') })}\n`);
      return false;
  }
}

/** Of the object that was stored; '' where nothing was, or the answer is a mere Status. */
export function versionIn({ statusCode, body }: Whole): string {
  if (statusCode >= 300) return '';
  const { metadata } = JSON.parse(body.toString('utf8')) as { metadata?: { resourceVersion?: string } };
  return metadata?.resourceVersion ?? '';
}

/** Bookmarks and errors are about no object. */
export function frameIn(line: string): Pick<Frame, 'type' | 'name' | 'version'> & { readonly isOfObject: boolean } {
  const event = JSON.parse(line) as {
    type: string;
    object?: { metadata?: { name?: string; resourceVersion?: string } };
  };
  const { name = '', resourceVersion: version = '' } = event.object?.metadata ?? {};
  return { type: event.type, name, version, isOfObject: event.type !== 'BOOKMARK' && event.type !== 'ERROR' };
}

export function answer(outgoing: ServerResponse, code: number): void {
  const retryAfter = code === 429 ? { 'retry-after': '1' } : {};
  outgoing.writeHead(code, { 'content-type': 'application/json', ...retryAfter });
  outgoing.end(encoder.encode(JSON.stringify(status(code, reasons[code] ?? ''))));
}
