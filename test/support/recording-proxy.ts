/** A plain HTTP door to the API server that notes what was asked and how it was answered, as RBAC names it. */
import { createServer, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Seen {
  /** `<group>/<resource> <verb>`; an apply that made its object has two. */
  readonly rights: readonly string[];
  readonly status: number;
  readonly path: string;
}

export interface RecordingProxy {
  readonly url: string;
  readonly seen: readonly Seen[];
  close(): void;
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const shape = /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/[^/]+(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/** What RBAC is asked for one request; empty for what is no resource. */
export function rightsOf(method: string, target: string, status: number): readonly string[] {
  const { pathname, searchParams } = new URL(target, 'http://api');
  const [, group = '', resource, name, subresource] = shape.exec(pathname) ?? [];
  if (resource === undefined) return [];
  const read = searchParams.get('watch') === null ? (name === undefined ? 'list' : 'get') : 'watch';
  const right = `${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  const made = method === 'PATCH' && status === 201 ? [`${right} create`] : [];
  return [`${right} ${verbs[method] ?? read}`, ...made];
}

/** Listens on loopback; `server` is the API server, `ca` who vouches for it. Tokens are passed on. */
export async function startRecordingProxy(server: string, ca: string): Promise<RecordingProxy> {
  const seen: Seen[] = [];
  const note = ({ method = '', url = '' }: IncomingMessage, status: number): void => {
    seen.push({ rights: rightsOf(method, url, status), status, path: `${method} ${url}` });
  };
  const proxy = createServer((question, reply) => {
    const { method, headers, url = '' } = question;
    const onward = request(new URL(url, server), { method, headers, ca }, (answer) => {
      note(question, answer.statusCode ?? 0);
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      reply.flushHeaders();
      answer.pipe(reply);
      answer.on('error', () => reply.destroy());
    });
    onward.on('error', () => reply.destroy());
    reply.on('close', () => onward.destroy());
    question.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    proxy.close();
    proxy.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`, seen, close };
}
