/** An S3-compatible store by the AWS SDK with its standard environment: objects as streams, texts and files. */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** An object: bucket and key. */
export type ObjectName = readonly [bucket: string, key: string];

/** A store that says nothing for so long is not there. */
const silenceMs = 30_000;

/** Path style, since stores inside a cluster have no DNS name for each bucket; everything else is AWS_* variables. */
export function createClient(): S3Client {
  return new S3Client({
    forcePathStyle: true,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: silenceMs },
  });
}

/** An object that is being read, and what tells its content from any other. */
export interface Opened {
  readonly body: Readable;
  readonly etag: string | undefined;
}

/** Opens an object; undefined when it is still the one of that tag. Throws the SDK's errors. */
export async function openObject(
  client: S3Client,
  [bucket, key]: ObjectName,
  signal: AbortSignal,
  knownTag?: string,
): Promise<Opened | undefined> {
  const known = knownTag === undefined ? {} : { IfNoneMatch: knownTag };
  try {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, ...known });
    const { Body, ETag } = await client.send(command, { abortSignal: signal });
    if (!(Body instanceof Readable)) throw new TypeError('the store answered without a body');
    return { body: Body, etag: ETag };
  } catch (error) {
    if (knownTag !== undefined && statusOf(error) === 304) return undefined;
    throw error;
  }
}

/** The HTTP status that the store answered with; undefined when it did not. */
export function statusOf(error: unknown): number | undefined {
  const metadata = typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** The text of a small object; undefined when there is none. Throws when it is larger than the limit. */
export async function readObject(
  client: S3Client,
  object: ObjectName,
  limitBytes: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const opened = await openObject(client, object, signal);
    return opened && (await textOf(opened.body, [object[1], limitBytes]));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

async function textOf(body: Readable, [name, limitBytes]: readonly [string, number]): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new RangeError(`${name} is larger than ${limitBytes >> 20} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Streams a body to a file, shows every piece, and returns the digest of what was written. */
export async function saveObject(
  body: Readable,
  path: string,
  signal: AbortSignal,
  see: (piece: Buffer) => void = () => undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const digesting = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      see(chunk);
      yield chunk;
    }
  };
  await pipeline(body, digesting, createWriteStream(path), { signal });
  return hash.digest('hex');
}

/** The name of a file that is being written, before it is known to be right. */
export const partName = (): string => `${randomUUID()}.part`;
const isPart = (name: string): boolean => /^[0-9a-f-]{36}\.part$/.test(name);

/** Nobody writes a part any more that has not grown for so long. */
const abandonedMs = 4 * silenceMs;

/** Removes the parts in a folder that were left there: a process that is killed leaves what it had, and each start leaves more. */
export async function removeAbandoned(folder: string): Promise<void> {
  const parts = (await readdir(folder).catch((): string[] => [])).filter(isPart);
  for (const path of parts.map((name) => join(folder, name))) {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > abandonedMs) await rm(path, { force: true }).catch(() => undefined);
  }
}
