/** A person with `kubectl apply --server-side --force-conflicts`: what the API server says to a declaration. */
import { wireText } from '../../../operator/kernel/transport.ts';
import type { RawApi } from '../../support/raw-api.ts';
import type { Plural } from './arbitrary.ts';
import type { Json } from './rules.ts';

export interface Target {
  readonly plural: Plural;
  readonly namespace: string;
  readonly name: string;
}

/** Taken (undefined), or the words of the refusal. */
export type Said = string | undefined;

const kinds: Readonly<Record<Plural, string>> = {
  trainingjobs: 'TrainingJob',
  distillationjobs: 'DistillationJob',
  modelservices: 'ModelService',
};

/** Declares a spec; `dryRun`: only asks what would be said. */
export async function declare(api: RawApi, target: Target, spec: Json, dryRun = false): Promise<Said> {
  const { plural, namespace, name } = target;
  const path = `/apis/limbeck.dev/v1alpha1/namespaces/${namespace}/${plural}/${name}`;
  const query = {
    ...{ fieldManager: 'kubectl', force: 'true', fieldValidation: 'Strict' },
    ...(dryRun ? { dryRun: 'All' } : {}),
  };
  const object = { apiVersion: 'limbeck.dev/v1alpha1', kind: kinds[plural], metadata: { name }, spec };
  const contentType = 'application/apply-patch+yaml';
  const { status, body } = await api.call(path, { method: 'PATCH', query, contentType, body: wireText(object) });
  if (status < 300) return undefined;
  const { message = `HTTP ${String(status)}` } = body;
  // An apply that does not fit the schema's types is answered 500 by the API server, and is a refusal all the same.
  const isRefused = (status < 500 && status !== 429) || message.startsWith('failed to create typed patch object');
  if (!isRefused) throw new Error(message);
  return message;
}
