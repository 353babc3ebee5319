/** Reads a request's body within a limit, and undoes gzip and deflate within the same limit. */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { Refusal, invalid } from './protocol/errors.ts';
import { parseJson } from './protocol/json.ts';
import { codeOf } from './system-error.ts';

const decoders = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

function tooLarge(limitBytes: number): Refusal {
  return new Refusal({ kind: 'tooLarge' }, `the body is larger than ${limitBytes} bytes`);
}

function collect(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      // What follows is read and forgotten, so that the caller gets to read the answer.
      if (size > limitBytes) reject(tooLarge(limitBytes));
      else chunks.push(chunk);
    });
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('error', () => reject(new Refusal({ kind: 'abandoned' }, 'the caller has gone')));
  });
}

async function decompress(bytes: Buffer, encoding: 'gzip' | 'deflate', limitBytes: number): Promise<Buffer> {
  try {
    return await decoders[encoding](bytes, { maxOutputLength: limitBytes });
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw invalid(`the body is not ${encoding}`);
  }
}

/** The whole body, decompressed. Refuses what exceeds `limitBytes` before or after decompression. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    throw new Refusal(
      { kind: 'unsupportedEncoding' },
      `the Content-Encoding '${encoding.slice(0, 40)}' is none of gzip, deflate`,
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const bytes = await collect(request, limitBytes);
  return encoding === 'identity' ? bytes : decompress(bytes, encoding, limitBytes);
}

/** A body that is one JSON value; undefined when there is none. */
export async function readJsonBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const bytes = await readBody(request, limitBytes);
  return bytes.length === 0 ? undefined : parseJson(bytes);
}
