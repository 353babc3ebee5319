/** A body as people send it, whatever the model takes: parts of a form, one file, or JSON. */
import { isUtf8 } from 'node:buffer';
import { buffer } from 'node:stream/consumers';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { sentenceOf } from '../../../process/logger.ts';
import { invalid, Refusal } from '../protocol/errors.ts';
import { isRecord, parseJson } from '../protocol/json.ts';

/** What came. */
export type Upload =
  { readonly kind: 'parts'; readonly parts: readonly Buffer[] } | { readonly kind: 'json'; readonly body: Members };

export type Members = Readonly<Record<string, unknown>>;

/** Parts of a form: more are a data set and not a request. */
const mostParts = 1024;

/** What curl says of a body when it is told nothing. */
const undecided = new Set(['', 'application/x-www-form-urlencoded']);

function formFor(contentType: string): BusboyInstance {
  const headers = { 'content-type': contentType };
  const limits = { parts: mostParts, fileSize: Infinity };
  // What it is the model decides, not whether the caller gave it a file name.
  return new Busboy({ headers, limits, isPartAFile: () => true });
}

/** Every part in its order. Rejects with what is wrong with the form. */
function partsIn(bytes: Buffer, form: BusboyInstance): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const parts: Promise<Buffer>[] = [];
    form.on('file', (name, stream, fileName: string | undefined) => {
      if (name === 'top' && fileName === undefined) reject(invalid("'top' belongs into the address: ?top=3"));
      const part = buffer(stream);
      // A part that is cut off fails by itself, and the form may never finish.
      part.catch(reject);
      parts.push(part);
    });
    form.on('partsLimit', () => reject(invalid(`the form has more than ${mostParts} parts`)));
    form.on('finish', () => resolve(Promise.all(parts)));
    form.on('error', reject);
    form.end(bytes);
  });
}

async function partsOf(bytes: Buffer, contentType: string): Promise<readonly Buffer[]> {
  try {
    return await partsIn(bytes, formFor(contentType));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw invalid(`the body is no multipart/form-data with the boundary of its Content-Type: ${sentenceOf(error)}`);
  }
}

function jsonOf(bytes: Buffer): Upload {
  const body = parseJson(bytes);
  if (!isRecord(body)) throw invalid('the body is not an object');
  return { kind: 'json', body };
}

/** Takes a body apart by its Content-Type; where that says nothing, what begins with a brace is JSON. */
export async function uploadOf(bytes: Buffer, contentType = ''): Promise<Upload> {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'multipart/form-data') return { kind: 'parts', parts: await partsOf(bytes, contentType) };
  const isJson = type === 'application/json' || (undecided.has(type) && bytes.subarray(0, 1).toString() === '{');
  return isJson ? jsonOf(bytes) : { kind: 'parts', parts: [bytes] };
}

/** A part as text. */
export function textOf(part: Buffer): string {
  if (!isUtf8(part)) throw invalid('the text is not UTF-8');
  return part.toString('utf8');
}
