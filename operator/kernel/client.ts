/** The adapter of the Cluster port: our own JSON both ways, so that fields this build does not know survive. */
import {
  ApiError,
  type Cluster,
  type ListOptions,
  type ObjectRef,
  type Page,
  type WatchEvent,
  type WatchListOptions,
  type WatchOptions,
  type WriteBudget,
} from './cluster.ts';
import { eventOf, linesOf } from './frames.ts';
import { keyOf, type Key, type KubeObject, type Resource, type Selection } from './objects.ts';
import type { Call, Transport } from './transport.ts';

/** The one field manager of everything we apply; the status subresource keeps its fields apart by itself. */
export const fieldManager = 'limbeck';

const applyPatch = 'application/apply-patch+yaml';

interface List {
  /** Null is how Go writes a list that nobody filled. */
  readonly items?: readonly KubeObject[] | null;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

interface ApiGroups {
  readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
}

export class Client implements Cluster {
  readonly #transport: Transport;
  readonly #traffic: 'crud' | 'lease';
  readonly #budgetMs: WriteBudget | undefined;

  constructor(transport: Transport, traffic: 'crud' | 'lease' = 'crud', budgetMs?: WriteBudget) {
    this.#transport = transport;
    this.#traffic = traffic;
    this.#budgetMs = budgetMs;
  }

  within(budgetMs: WriteBudget): Cluster {
    return new Client(this.#transport, this.#traffic, budgetMs);
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions, signal: AbortSignal): Promise<Page<T>> {
    const query = {
      ...selectionQuery(options),
      ...(options.limit === undefined ? {} : { limit: String(options.limit) }),
      ...(options.continueToken === undefined ? {} : { continue: options.continueToken }),
      ...(options.resourceVersion === undefined ? {} : { resourceVersion: options.resourceVersion }),
    };
    const call = callOf('GET', 'list', resource, { path: pathOf(resource, options.namespace), query });
    const list = (await this.#send(call, signal)) as List;
    // Items of a list carry neither apiVersion nor kind.
    const items = (list.items ?? []).map(
      (item) => ({ ...item, apiVersion: resource.apiVersion, kind: resource.kind }) as T,
    );
    const { resourceVersion } = list.metadata;
    return {
      items,
      resourceVersion,
      continueToken: list.metadata.continue === '' ? undefined : list.metadata.continue,
    };
  }

  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    return this.stream<T>(resource, options, { resourceVersion: options.resourceVersion }, signal);
  }

  /** A watch from wherever `from` says. */
  protected async *stream<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchListOptions,
    from: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const query = {
      ...selectionQuery(options),
      ...from,
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const call = callOf('GET', 'watch', resource, { path: pathOf(resource, options.namespace), query });
    for await (const line of linesOf(this.#transport.stream(call, signal))) yield eventOf(line) as WatchEvent<T>;
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: Key, signal: AbortSignal): Promise<T> {
    return (await this.#send(callOf('GET', 'get', resource, { path: pathOfKey(resource, key) }), signal)) as T;
  }

  apply(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const path = pathOfKey(resource, keyOf(object));
    const query = { fieldManager, force: 'true' };
    const call = callOf('PATCH', 'apply', resource, { path, query, body: object, contentType: applyPatch });
    return this.#applied(call, signal);
  }

  applyStatus(
    resource: Resource,
    object: KubeObject & { readonly status: unknown },
    signal: AbortSignal,
  ): Promise<KubeObject> {
    const path = `${pathOfKey(resource, keyOf(object))}/status`;
    const query = { fieldManager, force: 'true' };
    const call = callOf('PATCH', 'applyStatus', resource, { path, query, body: object, contentType: applyPatch });
    return this.#applied(call, signal);
  }

  async remove({ resource, key, uid, resourceVersion }: ObjectRef, signal: AbortSignal): Promise<void> {
    const preconditions = uid === undefined ? {} : { preconditions: { uid, resourceVersion } };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions };
    const call = callOf('DELETE', 'delete', resource, { path: pathOfKey(resource, key), body });
    try {
      await this.#send(call, signal);
    } catch (error) {
      if (!isAlreadyGone(error)) throw error;
    }
  }

  create(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const path = pathOf(resource, object.metadata.namespace);
    return this.#object(callOf('POST', 'create', resource, { path, query: { fieldManager }, body: object }), signal);
  }

  update(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const path = pathOfKey(resource, keyOf(object));
    return this.#object(callOf('PUT', 'update', resource, { path, query: { fieldManager }, body: object }), signal);
  }

  async apiVersions(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const call: Call = { method: 'GET', verb: 'get', resource: 'apis', path: '/apis' };
    const { groups } = (await this.#send(call, signal)) as ApiGroups;
    return new Set(groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => groupVersion)));
  }

  async #object(call: Call, signal: AbortSignal): Promise<KubeObject> {
    return (await this.#send(call, signal)) as KubeObject;
  }

  /** Another UID under the name is a conflict to us; the API server calls it an attempt to change an immutable field. */
  async #applied(call: Call, signal: AbortSignal): Promise<KubeObject> {
    try {
      return await this.#object(call, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'invalid' && /metadata\.uid:/.test(error.message))) throw error;
      throw new ApiError('conflict', error.message, { status: error.status, cause: error });
    }
  }

  #send(call: Call, signal: AbortSignal): Promise<unknown> {
    const isWrite = call.method !== 'GET' && this.#budgetMs !== undefined;
    return this.#transport.json(this.#traffic, isWrite ? { ...call, budgetMs: this.#budgetMs } : call, signal);
  }
}

/** The same, and lists come as the beginning of a watch where that is served: object by object, never a page in one piece. */
export class StreamingClient extends Client {
  watchList<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchListOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    // Without a resourceVersion: not older than now, however far behind the API server's own cache is.
    return this.stream<T>(
      resource,
      options,
      { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' },
      signal,
    );
  }
}

type CallDetail = Pick<Call, 'path'> & Partial<Pick<Call, 'query' | 'body' | 'contentType'>>;

const callOf = (method: Call['method'], verb: string, resource: Resource, detail: CallDetail): Call => ({
  method,
  verb,
  resource: resource.plural,
  ...detail,
});

/** Gone, or another object under the same name: what was to be deleted is no more. */
const isAlreadyGone = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.code === 'notFound' || (error.code === 'conflict' && /UID in (?:the )?precondition/i.test(error.message)));

function selectionQuery({ labelSelector, fieldSelector }: Selection): Record<string, string> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function pathOf(resource: Resource, namespace: string | undefined): string {
  const group = resource.apiVersion.includes('/') ? `/apis/${resource.apiVersion}` : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${group}${scope}/${resource.plural}`;
}

const pathOfKey = (resource: Resource, key: Key): string =>
  `${pathOf(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
