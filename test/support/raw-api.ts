/** Plain HTTP to the API server of the integration tests, for what the Cluster port does not speak: tables, scale, strict fields. */
import { readFile } from 'node:fs/promises';
import { interceptors, request } from 'undici';
import { parse } from 'yaml';
import { defaultCredentials } from '../../operator/kernel/credentials.ts';
import { Dispatchers } from '../../operator/kernel/dispatchers.ts';
import { systemClock } from '../../process/clock.ts';
import { testKubeconfig } from './kubeconfig.ts';

export interface RawCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  readonly contentType?: string;
  /** Text is sent as it is, everything else as JSON. */
  readonly body?: unknown;
}

export type Json = Readonly<Record<string, unknown>>;

interface ApiResource {
  readonly name: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
}

/** An object, a Status, a table or a list of resources, as far as tests look into it. */
export interface RawBody {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly generation?: number };
  readonly spec: Json;
  readonly status?: unknown;
  /** Of a refusal. */
  readonly message?: string;
  readonly resources?: readonly ApiResource[];
  readonly columnDefinitions?: readonly { readonly name: string }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[];
}

export interface RawAnswer {
  readonly status: number;
  readonly body: RawBody;
}

export interface RawApi {
  call(path: string, call?: RawCall): Promise<RawAnswer>;
  close(): Promise<void>;
}

/** A server may close a connection that rested in the moment in which it is used again. Answers are never asked for twice. */
const again = interceptors.retry({ methods: ['GET', 'PATCH'], statusCodes: [], minTimeout: 100 });

/** Connections of their own, so that a test can close them. */
export function openRawApi(): RawApi {
  process.env['KUBECONFIG'] = testKubeconfig();
  const credentials = defaultCredentials(systemClock);
  const dispatchers = new Dispatchers();
  return {
    async call(path, { method = 'GET', query = {}, accept = 'application/json', contentType, body } = {}) {
      const access = await credentials.current();
      const answer = await request(new URL(`${path}?${new URLSearchParams(query).toString()}`, access.server), {
        dispatcher: dispatchers.for('crud', access).compose(again),
        method,
        headers: { ...access.headers, accept, 'content-type': contentType ?? 'application/json' },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: answer.statusCode, body: (await answer.body.json()) as RawBody };
    },
    close: () => dispatchers.close(),
  };
}

const kinds = ['trainingjobs', 'distillationjobs', 'modelservices'] as const;
export type Plural = (typeof kinds)[number];

/** The CRDs by server-side apply, as `helm install` and `kubectl apply --server-side` would; waits until they are served. */
export async function applyDefinitions(api: RawApi): Promise<void> {
  for (const kind of kinds) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kind}.limbeck.dev`;
    const body = await readFile(`crds/${kind}.yaml`, 'utf8');
    const query = { fieldManager: 'limbeck', force: 'true' };
    const { status, body: said } = await api.call(path, {
      ...{ method: 'PATCH', query, body, contentType: 'application/apply-patch+yaml' },
    });
    if (status > 201) throw new Error(`${kind}: ${said.message ?? String(status)}`);
  }
  for (let turn = 0; turn < 200; turn += 1) {
    if (await areServed(api)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the API server never served the three kinds');
}

async function areServed(api: RawApi): Promise<boolean> {
  const discovered = await api.call('/apis/limbeck.dev/v1alpha1');
  const names = (discovered.body.resources ?? []).map(({ name }) => name);
  return kinds.every((kind) => names.includes(kind) && names.includes(`${kind}/status`));
}

export const createNamespace = (api: RawApi, name: string): Promise<RawAnswer> =>
  api.call('/api/v1/namespaces', { method: 'POST', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });

export const removeNamespace = (api: RawApi, name: string): Promise<RawAnswer> =>
  api.call(`/api/v1/namespaces/${name}`, { method: 'DELETE' });

export const pathOf = (namespace: string, plural: Plural): string =>
  `/apis/limbeck.dev/v1alpha1/namespaces/${namespace}/${plural}`;

/** An example of examples/digits, as it is in the file. */
export const example = async (name: 'teacher' | 'student' | 'service'): Promise<RawBody> =>
  parse(await readFile(`examples/digits/${name}.yaml`, 'utf8')) as RawBody;

/** The object with values put at dotted paths; undefined takes a member away, as JSON leaves it out. */
export function changed(object: RawBody, changes: Readonly<Record<string, unknown>>): RawBody {
  const copy = structuredClone(object);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let at = copy as unknown as Record<string, unknown>;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return copy;
}
