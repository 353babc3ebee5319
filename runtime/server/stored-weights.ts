/**
 * Weights in files of their own, fetched to where the model looks for them: beside it. No digest is expected of them, so one
 * that is there already is taken only when the store says that it is still the same.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { isInside } from './external-names.ts';
import { openObject, saveObject, statusOf, type ObjectName } from './object-store.ts';
import { isMissing } from './system-error.ts';

/** Files that a model names, and where they are and belong. */
export interface StoredWeights {
  /** Relative to the model's folder. */
  readonly names: readonly string[];
  /** The object of a file; undefined where the artefact is a single file. */
  readonly objectOf: (name: string) => ObjectName | undefined;
  readonly folder: string;
}

/** Where the tag of a file is kept, which is written after the file itself. */
const tagPath = (folder: string, name: string): string => join(folder, '.tags', encodeURIComponent(name));

async function knownTag(folder: string, name: string): Promise<string | undefined> {
  try {
    await stat(join(folder, name));
    return await readFile(tagPath(folder, name), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Its bytes; 0 when the store has no such object: the model may call something else a location. */
async function fetchOne(
  client: S3Client,
  { folder, name, object }: { readonly folder: string; readonly name: string; readonly object: ObjectName },
  signal: AbortSignal,
): Promise<number> {
  const path = join(folder, name);
  const part = join(folder, `${randomUUID()}.part`);
  try {
    const opened = await openObject(client, object, signal, await knownTag(folder, name));
    if (opened !== undefined) {
      await rm(tagPath(folder, name), { force: true });
      await saveObject(opened.body, part, signal);
      await mkdir(dirname(path), { recursive: true });
      await rename(part, path);
      await mkdir(join(folder, '.tags'), { recursive: true });
      if (opened.etag !== undefined) await writeFile(tagPath(folder, name), opened.etag);
    }
    return (await stat(path)).size;
  } catch (error) {
    if (statusOf(error) === 404) return 0;
    throw error;
  } finally {
    await rm(part, { force: true });
  }
}

/** More files than a model has tensors are no weights. */
const mostNames = 10_000;

/** Fetches all of them, one after the other; returns their bytes, or one sentence that says what is wrong with them. */
export async function fetchWeights(
  client: S3Client,
  { names, objectOf, folder }: StoredWeights,
  signal: AbortSignal,
): Promise<number | string> {
  const outside = names.find((name) => !isInside(name));
  if (outside !== undefined) return `its weights lie outside of its folder: '${outside}'`;
  if (names.length > mostNames) return `its weights lie in more than ${String(mostNames)} files`;
  let bytes = 0;
  // The model itself was compared with its digest, and is not fetched again.
  for (const name of names.filter((one) => one !== 'model.onnx')) {
    const object = objectOf(name);
    if (object !== undefined) bytes += await fetchOne(client, { folder, name, object }, signal);
  }
  return bytes;
}
