/**
 * Models in an S3-compatible store, by the AWS SDK with its standard environment. The file is streamed to the cache while
 * its digest is computed, and gets its name there only when the digest is right.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { sentenceOf } from '../../process/logger.ts';
import { parseManifest } from './manifest.ts';
import {
  digestFault,
  digestOf,
  failed,
  type Artefact,
  type FailedFetch,
  type Fetched,
  type ModelSource,
} from './repository.ts';
import { isMissing } from './system-error.ts';

/** A model folder in a store: s3://<bucket>/<prefix> with model.onnx and, if there is one, manifest.json. */
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

/** Path style, since stores inside a cluster have no DNS name for each bucket; everything else is AWS_* variables. */
function createClient(): S3Client {
  return new S3Client({
    forcePathStyle: true,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 30_000 },
  });
}

async function open(
  client: S3Client,
  [bucket, key]: readonly [string, string],
  signal: AbortSignal,
): Promise<Readable> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
  if (!(Body instanceof Readable)) throw new TypeError('the store answered without a body');
  return Body;
}

function statusOf(error: unknown): number | undefined {
  const metadata = typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** A local file system that refuses is no fault of the store. */
const isLocal = (error: unknown): boolean => typeof error === 'object' && error !== null && 'path' in error;

function failureOf(error: unknown, uri: string): FailedFetch {
  const status = statusOf(error);
  if (status === 404) return failed('ArtefactMissing', `${uri} is not in the store`);
  if (isLocal(error)) return failed('LoadFailed', `the cache cannot be written: ${sentenceOf(error)}`);
  const answer = status === undefined ? '' : `, the store answered ${status}`;
  return failed('StoreUnavailable', `${uri} cannot be read: ${sentenceOf(error)}${answer}`);
}

async function readText(body: Readable, [name, limitBytes]: readonly [string, number]): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new RangeError(`${name} is larger than ${limitBytes >> 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A small file beside the model; undefined when there is none. */
async function readBeside(
  client: S3Client,
  { uri }: StoredModel,
  [name, limitBytes]: readonly [string, number],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { bucket, keyOf } = locationOf(uri);
  const key = keyOf(name);
  if (key === undefined) return undefined;
  try {
    return await readText(await open(client, [bucket, key], signal), [name, limitBytes]);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404) return undefined;
    throw error;
  }
}

/** Streams a body to a file and returns the digest of what was written. */
async function save(body: Readable, path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const digesting = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(body, digesting, createWriteStream(path), { signal });
  return hash.digest('hex');
}

async function isCached(path: string, sha256: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await digestOf(path, signal)) === sha256;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** A verified file, before it is known what lies beside it. */
type FetchedFile = { readonly ok: true; readonly artefact: Pick<Artefact, 'path' | 'sha256'> } | FailedFetch;

async function download(
  client: S3Client,
  model: StoredModel,
  expected: string | undefined,
  signal: AbortSignal,
): Promise<FetchedFile> {
  const { bucket, model: key } = locationOf(model.uri);
  const part = join(model.cacheDir, `${randomUUID()}.part`);
  try {
    const body = await open(client, [bucket, key], signal);
    await mkdir(model.cacheDir, { recursive: true });
    const sha256 = await save(body, part, signal);
    const fault = digestFault(`s3://${bucket}/${key}`, expected, sha256);
    if (fault !== undefined) return fault;
    const path = join(model.cacheDir, `${sha256}.onnx`);
    await rename(part, path);
    return { ok: true, artefact: { path, sha256 } };
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
  if (expected !== undefined) {
    const path = join(model.cacheDir, `${expected}.onnx`);
    if (await isCached(path, expected, signal)) return { ok: true, artefact: { path, sha256: expected } };
  }
  return download(client, model, expected, signal);
}

async function fetchStored(client: S3Client, model: StoredModel, signal: AbortSignal): Promise<Fetched> {
  const text = await readBeside(client, model, ['manifest.json', manifestLimitBytes], signal);
  const parsed = text === undefined ? undefined : parseManifest(text);
  if (parsed?.ok === false) return failed('ManifestInvalid', parsed.message);
  const manifest = parsed?.manifest;
  const fault =
    manifest && digestFault(`the model that the manifest of ${model.uri} is for`, model.sha256, manifest.sha256);
  if (fault !== undefined) return fault;
  const fetched = await fetchFile(client, model, model.sha256 ?? manifest?.sha256, signal);
  if (!fetched.ok) return fetched;
  const companion = (name: string, until: AbortSignal): Promise<string | undefined> =>
    readBeside(client, model, [name, companionLimitBytes], until);
  const { size: bytes } = await stat(fetched.artefact.path);
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
