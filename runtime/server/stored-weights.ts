/**
 * Weights in files of their own, fetched to where the model looks for them: beside it. No digest is expected of them, so one
 * that is there already is taken only when the store says that it is still the same.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { isInside } from './external-names.ts';
import {
  openObject,
  partName,
  removeAbandoned,
  saveObject,
  statusOf,
  type ObjectName,
  type Opened,
} from './object-store.ts';
import { isMissing } from './system-error.ts';

/** Files that a model names, and where they are and belong. */
export interface StoredWeights {
  /** Relative to the model's folder. */
  readonly names: readonly string[];
  /** The object of a file; undefined where the artefact is a single file. */
  readonly objectOf: (name: string) => ObjectName | undefined;
  readonly folder: string;
}

/** Where it is kept which object a file is: written after it, with its size, since a file may end early where a machine did. */
const tagPath = (folder: string, name: string): string =>
  join(folder, '.tags', createHash('sha256').update(name).digest('hex'));

/** The tag of the object that the file is; undefined when that is not known. */
async function knownTag(folder: string, name: string): Promise<string | undefined> {
  try {
    const { size } = await stat(join(folder, name));
    const [tag, bytes] = (await readFile(tagPath(folder, name), 'utf8')).split(' ');
    return bytes === String(size) ? tag : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

interface Wanted {
  readonly folder: string;
  readonly name: string;
  readonly object: ObjectName;
}

async function forget({ folder, name }: Wanted): Promise<void> {
  await Promise.all([tagPath(folder, name), join(folder, name)].map((path) => rm(path, { force: true })));
}

async function keep({ folder, name }: Wanted, { body, etag }: Opened, signal: AbortSignal): Promise<void> {
  const path = join(folder, name);
  const part = join(folder, partName());
  try {
    await Promise.all([dirname(path), join(folder, '.tags')].map((one) => mkdir(one, { recursive: true })));
    await saveObject(body, part, signal);
    await rm(tagPath(folder, name), { force: true });
    await rename(part, path);
    if (etag !== undefined) await writeFile(tagPath(folder, name), `${etag} ${String((await stat(path)).size)}`);
  } finally {
    body.destroy();
    await rm(part, { force: true });
  }
}

/** Its bytes; 0 when the store has no such object: the model may call something else a location. */
async function fetchOne(client: S3Client, wanted: Wanted, signal: AbortSignal): Promise<number> {
  const { folder, name, object } = wanted;
  try {
    const opened = await openObject(client, object, signal, await knownTag(folder, name));
    if (opened !== undefined) await keep(wanted, opened, signal);
    return (await stat(join(folder, name))).size;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    await forget(wanted);
    return 0;
  }
}

/** Fetches all that may be weights, one after the other; returns their bytes. ONNX Runtime refuses what lies elsewhere itself. */
export async function fetchWeights(
  client: S3Client,
  { names, objectOf, folder }: StoredWeights,
  signal: AbortSignal,
): Promise<number> {
  await removeAbandoned(folder);
  let bytes = 0;
  // The model itself was compared with its digest, and is not fetched again.
  for (const name of names.filter((one) => isInside(one) && one !== 'model.onnx')) {
    const object = objectOf(name);
    if (object !== undefined) bytes += await fetchOne(client, { folder, name, object }, signal);
  }
  return bytes;
}
