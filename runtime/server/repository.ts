/**
 * Where models come from. Each source ends in a local file whose SHA-256 was compared with what is expected of it, or in a
 * reason why there is none. Nothing here throws for what a store or a folder may do; the loader decides when to try again.
 */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { parseManifest, type Manifest } from './manifest.ts';
import { isForbidden, isMissing } from './system-error.ts';

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
  /** Others have the memory that it lacks: alone it would fit. */
  readonly crowded?: boolean;
}

/** A verified model file on this machine. */
export interface Artefact {
  readonly path: string;
  readonly sha256: string;
  /** Of the file, and of weights in files of their own beside it. */
  readonly bytes: number;
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
  /** Whether it is known before it is fetched that it writes language. */
  readonly writesLanguage?: () => Promise<boolean>;
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

/** No model, since its memory is not there. */
export function tooSmall({ message, crowded }: Pick<NotReady, 'message' | 'crowded'>): FailedFetch {
  return { ok: false, failure: { reason: 'MemoryTooSmall', message, ...(crowded && { crowded }) } };
}

/** SHA-256 of a file in hexadecimal, read in pieces, each of which is shown. */
export async function digestOf(
  path: string,
  signal: AbortSignal,
  see: (piece: Buffer) => void = () => undefined,
): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    hash.update(piece);
    see(piece);
  }
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
    if (fault !== undefined) return fault;
    const bytes = bytesOf(await filesOf(folder));
    const companion = (name: string): Promise<string | undefined> => readText(folder, name);
    return { ok: true, artefact: { path, sha256, bytes, companion, ...(parsed && { manifest: parsed.manifest }) } };
  } catch (error) {
    if (isMissing(error)) return failed('ArtefactMissing', `${path} does not exist`);
    throw error;
  }
}

async function versionsOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && /^[1-9]\d*$/.test(entry.name)).map(({ name }) => name);
}

interface File {
  readonly name: string;
  readonly stats: Stats;
}

/** The files of a model's folder by name; none where it cannot be read. What is hidden belongs to whoever copies it. */
async function filesOf(folder: string): Promise<readonly File[]> {
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => !name.startsWith('.')).sort();
  const entries = names.map(async (name) => ({ name, stats: await stat(join(folder, name)).catch(() => undefined) }));
  return (await Promise.all(entries)).flatMap(({ name, stats }) => (stats?.isFile() === true ? { name, stats } : []));
}

/** Name, identity, size and time of every file: weights, templates and whatever else an answer may hang upon. */
function stampOf(files: readonly File[]): string {
  return files.map(({ name, stats: { ino, size, mtimeMs } }) => `${name}:${ino}:${size}:${mtimeMs}`).join('|');
}

/** The model's file and what lies beside it under the same beginning, as weights do that have a file of their own. */
function bytesOf(files: readonly File[]): number {
  const own = files.filter(({ name }) => name.startsWith('model.onnx'));
  return own.reduce((total, { stats }) => total + stats.size, 0);
}

/** A manifest that cannot be read is the load's to tell of. */
async function promisesLanguage(folder: string): Promise<boolean> {
  const text = await readText(folder, 'manifest.json').catch(() => undefined);
  const parsed = parseManifest(text ?? '');
  return parsed.ok && parsed.manifest.decoder !== undefined;
}

async function sourceAt(name: string, version: string, path: string): Promise<ModelSource> {
  const files = await filesOf(path);
  return {
    ...{ name, version, stamp: stampOf(files), bytes: bytesOf(files) },
    writesLanguage: () => promisesLanguage(path),
    fetch: (signal) => fetchFolder(path, signal),
  };
}

async function sourcesOf(folder: string, name: string): Promise<readonly ModelSource[]> {
  const versions = await versionsOf(join(folder, name));
  if (versions.length === 0) return [await sourceAt(name, '1', join(folder, name))];
  return Promise.all(versions.map((version) => sourceAt(name, version, join(folder, name, version))));
}

/** Told of a folder that cannot be read, each time it is listed. */
type OnUnreadable = (name: string, error: unknown) => void;

/** A folder that vanished between being listed and being read is not there; one that is not ours to read must not hide the others. */
function ifReadable(folder: string, name: string, onUnreadable: OnUnreadable): Promise<readonly ModelSource[]> {
  return sourcesOf(folder, name).catch((error: unknown) => {
    if (isForbidden(error)) onUnreadable(name, error);
    else if (!isMissing(error)) throw error;
    return [];
  });
}

/**
 * The models of a folder: `<name>/model.onnx` is version 1 of a model, `<name>/<number>/model.onnx` one of several.
 * Throws when the folder itself cannot be read: without it there is nothing to serve.
 */
export async function folderSources(
  folder: string,
  onUnreadable: OnUnreadable = () => undefined,
): Promise<readonly ModelSource[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  const visible = names.filter((name) => !name.startsWith('.')).sort();
  return (await Promise.all(visible.map((name) => ifReadable(folder, name, onUnreadable)))).flat();
}

/** A folder of model folders; one that cannot be read is told of once. */
export function folderRepository(folder: string, log?: Pick<Log, 'warn'>): Repository {
  const told = new Set<string>();
  const onUnreadable: OnUnreadable = (name, error) => {
    if (told.has(name)) return;
    told.add(name);
    log?.warn('a folder among the models cannot be read', { folder: name, error: sentenceOf(error) });
  };
  return { list: () => folderSources(folder, onUnreadable) };
}
