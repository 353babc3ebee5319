/** A plain HTTP door to the API server that notes what was asked and how it was answered, as RBAC names it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KubeObject, OwnerReference } from '../../operator/kernel/objects.ts';

export interface Seen {
  /** `<group>/<resource> <verb>`; an apply that made its object has two. */
  readonly rights: readonly string[];
  readonly status: number;
  readonly path: string;
}

export interface RecordingProxy {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Watches of a kind are told nothing from now on; what is given lets go what has gathered. */
  hold(plural: string): () => void;
  close(): void;
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
const shape = /^\/(?:api|apis\/([^/]+))\/[^/]+(?:\/namespaces\/[^/]+(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/** What RBAC is asked for one request, in which `body` is what was written; empty for what is no resource. */
export function rightsOf(method: string, target: string, status: number, body = ''): readonly string[] {
  const { pathname, searchParams } = new URL(target, 'http://api');
  const [, group = '', resource, name, subresource] = shape.exec(pathname) ?? [];
  if (resource === undefined) return [];
  const read = searchParams.get('watch') === null ? (name === undefined ? 'list' : 'get') : 'watch';
  const right = `${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  const made = method === 'PATCH' && status === 201 ? [`${right} create`] : [];
  const isWrite = body !== '' && (method === 'POST' || method === 'PATCH');
  return [`${right} ${verbs[method] ?? read}`, ...made, ...(isWrite ? rightsOnOwners(body) : [])];
}

/** The admission plugin OwnerReferencesPermissionEnforcement asks these for each owner that a child keeps from going. */
function rightsOnOwners(body: string): readonly string[] {
  const { metadata } = JSON.parse(body) as Partial<KubeObject>;
  const rightOn = ({ apiVersion, kind }: OwnerReference): string =>
    `${apiVersion.split('/')[0] ?? ''}/${kind.toLowerCase()}s/finalizers update`;
  return (metadata?.ownerReferences ?? []).filter((owner) => owner.blockOwnerDeletion === true).map(rightOn);
}

/** As an API server answers whose feature gate WatchList is off. */
function refuseStream(reply: ServerResponse): void {
  const message = 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless WatchList is enabled';
  reply.writeHead(422, { 'content-type': 'application/json' });
  reply.end(
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Invalid', code: 422, message }),
  );
}

/** Who is held, and what each watch of it waits with. */
class Holds {
  readonly #watches = new Map<IncomingMessage, { readonly plural: string; readonly reply: ServerResponse }>();
  readonly #held = new Set<string>();

  /** Hands an answer on, at once or when its kind is let go. */
  pass(target: string, answer: IncomingMessage, reply: ServerResponse): void {
    const { pathname, searchParams } = new URL(target, 'http://api');
    const plural = searchParams.get('watch') === null ? '' : (shape.exec(pathname)?.[2] ?? '');
    this.#watches.set(answer, { plural, reply });
    answer.on('close', () => this.#watches.delete(answer));
    if (!this.#held.has(plural)) answer.pipe(reply);
  }

  hold(plural: string): () => void {
    this.#held.add(plural);
    for (const [answer, watch] of this.#watches) if (watch.plural === plural) answer.unpipe(watch.reply);
    return () => {
      this.#held.delete(plural);
      for (const [answer, watch] of this.#watches) if (watch.plural === plural) answer.pipe(watch.reply);
    };
  }
}

export interface ProxyOptions {
  /** Address of the API server, and who vouches for it. */
  readonly server: string;
  readonly ca: string;
  /** Whether lists may come as watches. */
  readonly streams: boolean;
}

/** Listens on loopback. Tokens are passed on. */
export async function startRecordingProxy({ server, ca, streams }: ProxyOptions): Promise<RecordingProxy> {
  const seen: Seen[] = [];
  const holds = new Holds();
  const proxy = createServer((question, reply) => {
    const { method = '', headers, url = '' } = question;
    if (!streams && url.includes('sendInitialEvents')) {
      refuseStream(reply);
      return;
    }
    const body: Buffer[] = [];
    question.on('data', (chunk: Buffer) => body.push(chunk));
    const onward = request(new URL(url, server), { method, headers, ca }, (answer) => {
      const status = answer.statusCode ?? 502;
      const rights = rightsOf(method, url, status, Buffer.concat(body).toString());
      seen.push({ rights, status, path: `${method} ${url}` });
      reply.writeHead(status, answer.headers);
      reply.flushHeaders();
      holds.pass(url, answer, reply);
      answer.on('error', () => reply.destroy());
    });
    onward.on('error', () => reply.destroy());
    reply.on('close', () => onward.destroy());
    question.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    ...{ url: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`, seen },
    hold: (plural) => holds.hold(plural),
    close: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}
