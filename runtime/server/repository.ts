/**
 * Where models come from. Each source ends in a local file whose SHA-256 was compared with what is expected of it, or in a
 * reason why there is none. Nothing here throws for what a store or a folder may do; the loader decides when to try again.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseManifest, type Manifest } from './manifest.ts';
import { isMissing } from './system-error.ts';

/** Why a model is not ready, as readiness tells it. */
export type NotReadyReason =
  | 'Loading'
  | 'Unloaded'
  | 'ArtefactMissing'
  | 'DigestMismatch'
  | 'StoreUnavailable'
  | 'LoadFailed'
  | 'ManifestInvalid'
  | 'MemoryTooSmall'
  | 'WorkersDied';

/** A reason and one sentence for a person. */
export interface NotReady {
  readonly reason: NotReadyReason;
  readonly message: string;
}

/** A verified model file on this machine. */
export interface Artefact {
  readonly path: string;
  readonly sha256: string;
  readonly manifest?: Manifest;
  /** The text of another file of the artefact, such as tokenizer.json; undefined when there is none. */
  readonly companion: (name: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** What came of fetching. */
export type Fetched = { readonly ok: true; readonly artefact: Artefact } | FailedFetch;

/** A fetch that ended without a model. */
export interface FailedFetch {
  readonly ok: false;
  readonly failure: NotReady;
}

/** One model under a name and a version, and the way to get it. */
export interface ModelSource {
  readonly name: string;
  readonly version: string;
  /** Differs when what would be fetched differs: a model whose stamp has not changed need not be loaded again. */
  readonly stamp: string;
  /** Of its file, which is what one session takes at least; 0 where that is not known before it is fetched. */
  readonly bytes: number;
  readonly fetch: (signal: AbortSignal) => Promise<Fetched>;
}

/** What there is to serve, looked up anew each time it is asked. */
export interface Repository {
  readonly list: () => Promise<readonly ModelSource[]>;
}

/** No model, and why. */
export function failed(reason: NotReadyReason, message: string): FailedFetch {
  return { ok: false, failure: { reason, message } };
}

/** SHA-256 of a file in hexadecimal, read in pieces. */
export async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}

/** Undefined when the digest is the expected one; otherwise the failure. */
export function digestFault(what: string, expected: string | undefined, found: string): FailedFetch | undefined {
  if (expected === undefined || expected === found) return undefined;
  return failed('DigestMismatch', `${what} has SHA-256 ${found}, expected ${expected}`);
}

async function readText(folder: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function fetchFolder(folder: string, signal: AbortSignal): Promise<Fetched> {
  const text = await readText(folder, 'manifest.json');
  const parsed = text === undefined ? undefined : parseManifest(text);
  if (parsed?.ok === false) return failed('ManifestInvalid', parsed.message);
  const path = join(folder, 'model.onnx');
  try {
    const sha256 = await digestOf(path, signal);
    const fault = digestFault(path, parsed?.manifest.sha256, sha256);
    const companion = (name: string): Promise<string | undefined> => readText(folder, name);
    return fault ?? { ok: true, artefact: { path, sha256, companion, ...(parsed && { manifest: parsed.manifest }) } };
  } catch (error) {
    if (isMissing(error)) return failed('ArtefactMissing', `${path} does not exist`);
    throw error;
  }
}

async function versionsOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && /^[1-9]\d*$/.test(entry.name)).map(({ name }) => name);
}

/** Identity, size and time of a model's files; a file that is missing has none. */
async function stampOf(folder: string): Promise<string> {
  const files = ['model.onnx', 'manifest.json', 'tokenizer.json', 'tokenizer_config.json'].map((name) =>
    join(folder, name),
  );
  const found = await Promise.all(files.map((path) => stat(path).catch(() => undefined)));
  return found.map((file) => (file === undefined ? '-' : `${file.ino}:${file.size}:${file.mtimeMs}`)).join('|');
}

/** The model's file and what lies beside it under the same beginning, as weights do that have a file of their own. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder).catch((): string[] => []);
  const names = entries.filter((name) => name.startsWith('model.onnx'));
  const files = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return files.reduce((total, file) => total + (file?.size ?? 0), 0);
}

async function sourceAt(name: string, version: string, path: string): Promise<ModelSource> {
  const [stamp, bytes] = await Promise.all([stampOf(path), bytesOf(path)]);
  return { name, version, stamp, bytes, fetch: (signal) => fetchFolder(path, signal) };
}

async function sourcesOf(folder: string, name: string): Promise<readonly ModelSource[]> {
  const versions = await versionsOf(join(folder, name));
  if (versions.length === 0) return [await sourceAt(name, '1', join(folder, name))];
  return Promise.all(versions.map((version) => sourceAt(name, version, join(folder, name, version))));
}

/** A folder that vanished between being listed and being read is not there. */
function ifThere(folder: string, name: string): Promise<readonly ModelSource[]> {
  return sourcesOf(folder, name).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

/**
 * The models of a folder: `<name>/model.onnx` is version 1 of a model, `<name>/<number>/model.onnx` one of several.
 * Throws when the folder itself cannot be read: without it there is nothing to serve.
 */
export async function folderSources(folder: string): Promise<readonly ModelSource[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  const visible = names.filter((name) => !name.startsWith('.')).sort();
  return (await Promise.all(visible.map((name) => ifThere(folder, name)))).flat();
}

/** A folder of model folders. */
export function folderRepository(folder: string): Repository {
  return { list: () => folderSources(folder) };
}
