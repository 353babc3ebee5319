/** The port to the API server. `client.ts` is the real adapter; tests have a fake; one contract suite runs against both. */
import type { Key, KubeObject, Resource, Selection } from './objects.ts';

export type { Selection } from './objects.ts';

export type ApiErrorCode =
  'notFound' | 'conflict' | 'gone' | 'forbidden' | 'unauthorized' | 'invalid' | 'throttled' | 'unavailable' | 'silent';

/** What the API server refused, or why it could not be asked. `retryAfterMs` when the server named a time. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  constructor(
    code: ApiErrorCode,
    message: string,
    detail: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = detail.status ?? 0;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** Thrown instead of writing. It is no failure of the object: the pass is simply over. */
export class NotLeading extends Error {
  constructor() {
    super('this process does not lead');
    this.name = 'NotLeading';
  }
}

/** Milliseconds within which a write sent now must be over; 0: it must not be sent; Infinity: no limit. */
export type WriteBudget = () => number;

export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continueToken: string | undefined;
}

export interface ListOptions extends Selection {
  readonly limit?: number;
  readonly continueToken?: string;
  /** '' asks for the newest state, '0' for whatever the API server has at hand. */
  readonly resourceVersion?: string;
}

export interface WatchListOptions extends Selection {
  readonly timeoutSeconds: number;
}

export interface WatchOptions extends WatchListOptions {
  readonly resourceVersion: string;
}

export type WatchEvent<T> =
  | { readonly kind: 'put'; readonly object: T; readonly added: boolean }
  | { readonly kind: 'removed'; readonly object: T }
  /** `endsList`: what a watch began with is complete. */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string; readonly endsList?: true };

/** Something to delete. With a UID the deletion is conditional on it, so that a successor of the same name is safe. */
export interface ObjectRef {
  readonly resource: Resource;
  readonly key: Key;
  readonly uid?: string;
  /** The only version that is to be deleted: any other one is a conflict. */
  readonly resourceVersion?: string;
}

/** An event on an object: what a person should notice, said once. */
export interface Note {
  readonly kind: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Seen in a moment that passes: a later look does not tell it again, as it does what the status has not told yet. */
  readonly isPassing?: true;
}

/** What an informer needs. */
export interface Reads {
  list<T extends KubeObject>(resource: Resource<T>, options: ListOptions, signal: AbortSignal): Promise<Page<T>>;
  /** Ends when the server closes the stream; throws ApiError('gone') when the version is too old. */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /**
   * A watch that begins with all there is, newest state, in no order; then a bookmark that ends the list; then changes.
   * Throws ApiError('invalid') where it is not served. Absent: never served.
   */
  watchList?<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchListOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
}

export interface Cluster extends Reads {
  get<T extends KubeObject>(resource: Resource<T>, key: Key, signal: AbortSignal): Promise<T>;
  /** Server-side apply by our one field manager, with force. Returns the object as stored. */
  apply(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject>;
  /** Replaces our part of the status subresource by server-side apply. Returns the object as stored. */
  applyStatus(
    resource: Resource,
    object: KubeObject & { readonly status: unknown },
    signal: AbortSignal,
  ): Promise<KubeObject>;
  /** Background deletion. An object that is already gone, or that has another UID, is success. */
  remove(ref: ObjectRef, signal: AbortSignal): Promise<void>;
  /** Optimistic create and update, for Lease and Event, which one writer alone must win. */
  create(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject>;
  update(resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject>;
  /** Every group and version that is served beyond the core, such as `batch/v1`. Absent: nobody can tell. */
  apiVersions?(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** The same cluster, whose writes ask for the budget in the moment of sending and end with it, or throw NotLeading. */
  within?(budgetMs: WriteBudget): Cluster;
}
