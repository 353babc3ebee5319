/**
 * Models in an S3-compatible store. The file is streamed to the cache while its digest is computed, and gets its name there
 * only when the digest is right; weights that it has in other files come after it.
 */
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { sentenceOf } from '../../process/logger.ts';
import { ExternalNames } from './external-names.ts';
import { parseManifest } from './manifest.ts';
import {
  createClient,
  openObject,
  partName,
  readObject,
  removeAbandoned,
  saveObject,
  statusOf,
  type ObjectName,
} from './object-store.ts';
import {
  digestFault,
  digestOf,
  failed,
  type Artefact,
  type FailedFetch,
  type Fetched,
  type ModelSource,
} from './repository.ts';
import { fetchWeights } from './stored-weights.ts';
import { isMissing, isOutOfRoom } from './system-error.ts';

/** A model folder in a store: s3://<bucket>/<prefix> with model.onnx and what belongs to it, such as manifest.json and weights in files of their own. */
export interface StoredModel {
  readonly name: string;
  readonly uri: string;
  /** Expected digest of model.onnx in hexadecimal. */
  readonly sha256?: string;
  readonly cacheDir: string;
}

interface Location {
  readonly bucket: string;
  readonly model: string;
  /** The key of another file of the artefact; undefined when the artefact is a single file. */
  readonly keyOf: (name: string) => string | undefined;
}

/** Most bytes of a manifest: a megabyte of labels is a mistake. */
const manifestLimitBytes = 1 << 20;

/** Most bytes of any other text: tokenizers of large vocabularies have some ten million. */
const companionLimitBytes = 64 << 20;

/** Bucket and keys of s3://bucket/folder, or of s3://bucket/any/file.onnx, which has no manifest. */
export function locationOf(uri: string): Location {
  const match = /^s3:\/\/([^/]+)\/(.+?)\/*$/.exec(uri);
  const [, bucket, key] = match ?? [];
  if (bucket === undefined || key === undefined) throw new TypeError(`'${uri}' is not s3://<bucket>/<folder>`);
  if (key.endsWith('.onnx')) return { bucket, model: key, keyOf: () => undefined };
  return { bucket, model: `${key}/model.onnx`, keyOf: (name) => `${key}/${name}` };
}

/** A local file system that refuses is no fault of the store. */
const isLocal = (error: unknown): boolean =>
  isOutOfRoom(error) || (typeof error === 'object' && error !== null && 'path' in error);

function failureOf(error: unknown, uri: string): FailedFetch {
  const status = statusOf(error);
  if (status === 404) return failed('ArtefactMissing', `${uri} is not in the store`);
  if (isLocal(error)) return failed('LoadFailed', `the cache cannot be written: ${sentenceOf(error)}`);
  const answer = status === undefined ? '' : `, the store answered ${status}`;
  return failed('StoreUnavailable', `${uri} cannot be read: ${sentenceOf(error)}${answer}`);
}

/** A verified file, before it is known what lies beside it, and the files that it names. */
type FetchedFile =
  | { readonly ok: true; readonly artefact: Pick<Artefact, 'path' | 'sha256'>; readonly names: readonly string[] }
  | FailedFetch;

/** Each place has a folder of its own for each model: weights beside it are called what they like, and its digest is not theirs. */
function pathOf({ cacheDir, uri }: StoredModel, sha256: string): string {
  const place = createHash('sha256').update(uri).digest('hex').slice(0, 16);
  return join(cacheDir, `${sha256}-${place}`, 'model.onnx');
}

async function findCached(path: string, sha256: string, signal: AbortSignal): Promise<FetchedFile | undefined> {
  const external = new ExternalNames();
  try {
    const found = await digestOf(path, signal, (piece) => external.push(piece));
    return found === sha256 ? { ok: true, artefact: { path, sha256 }, names: external.names } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function download(
  client: S3Client,
  model: StoredModel,
  expected: string | undefined,
  signal: AbortSignal,
): Promise<FetchedFile> {
  const { bucket, model: key } = locationOf(model.uri);
  const part = join(model.cacheDir, partName());
  const external = new ExternalNames();
  try {
    const opened = await openObject(client, [bucket, key], signal);
    if (opened === undefined) throw new TypeError('the store answered without the model');
    await mkdir(model.cacheDir, { recursive: true });
    const sha256 = await saveObject(opened.body, part, signal, (piece) => external.push(piece));
    const fault = digestFault(`s3://${bucket}/${key}`, expected, sha256);
    if (fault !== undefined) return fault;
    const path = pathOf(model, sha256);
    await mkdir(dirname(path), { recursive: true });
    await rename(part, path);
    return { ok: true, artefact: { path, sha256 }, names: external.names };
  } finally {
    await rm(part, { force: true });
  }
}

async function fetchFile(
  client: S3Client,
  model: StoredModel,
  expected: string | undefined,
  signal: AbortSignal,
): Promise<FetchedFile> {
  const cached = expected && (await findCached(pathOf(model, expected), expected, signal));
  return cached ? cached : download(client, model, expected, signal);
}

async function fetchStored(client: S3Client, model: StoredModel, signal: AbortSignal): Promise<Fetched> {
  await removeAbandoned(model.cacheDir);
  const { bucket, keyOf } = locationOf(model.uri);
  const objectOf = (name: string): ObjectName | undefined => {
    const key = keyOf(name);
    return key === undefined ? undefined : [bucket, key];
  };
  const textOf = async (name: string, limitBytes: number, until: AbortSignal): Promise<string | undefined> => {
    const object = objectOf(name);
    return object && (await readObject(client, object, limitBytes, until));
  };
  const text = await textOf('manifest.json', manifestLimitBytes, signal);
  const parsed = text === undefined ? undefined : parseManifest(text);
  if (parsed?.ok === false) return failed('ManifestInvalid', parsed.message);
  const manifest = parsed?.manifest;
  const fault =
    manifest && digestFault(`the model that the manifest of ${model.uri} is for`, model.sha256, manifest.sha256);
  if (fault !== undefined) return fault;
  const fetched = await fetchFile(client, model, model.sha256 ?? manifest?.sha256, signal);
  if (!fetched.ok) return fetched;
  const { path } = fetched.artefact;
  const weights = await fetchWeights(client, { names: fetched.names, objectOf, folder: dirname(path) }, signal);
  const companion = (name: string, until: AbortSignal): Promise<string | undefined> =>
    textOf(name, companionLimitBytes, until);
  const bytes = (await stat(path)).size + weights;
  return { ok: true, artefact: { ...fetched.artefact, bytes, companion, ...(manifest && { manifest }) } };
}

/** The source of a stored model; its version is always 1. */
export function storeSource(model: StoredModel): ModelSource {
  const client = createClient();
  return {
    name: model.name,
    version: '1',
    stamp: `${model.uri} ${model.sha256 ?? ''}`,
    bytes: 0,
    fetch: async (signal) => {
      try {
        return await fetchStored(client, model, signal);
      } catch (error) {
        return failureOf(error, model.uri);
      }
    },
  };
}
