/** Tensor elements as bytes, both ways: little endian, row major, BOOL one byte, BYTES with a 4-byte length before each. */
import { bytesOf, datatypes, elementCount, type Datatype, type Tensor, type TensorData } from '../tensor.ts';
import { invalid } from './errors.ts';
import { checkString } from './json-data.ts';

interface Place {
  readonly name: string;
  readonly datatype: Datatype;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(name: string, bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalid(`input '${name}' holds bytes that are not UTF-8, which models cannot take`);
  }
  return checkString(name, text);
}

/** Where the string ends that begins, with its length, at an offset. */
function endOfString(name: string, bytes: Buffer, offset: number): number {
  const start = offset + 4;
  const end = start <= bytes.length ? start + bytes.readUInt32LE(offset) : Infinity;
  if (end > bytes.length) throw invalid(`the strings of input '${name}' end in the middle of one`);
  return end;
}

/** As many as there must be: four bytes may be one, which as a string takes ten times as much and a hundred times as long. */
function checkStrings(name: string, bytes: Buffer, shape: readonly number[]): void {
  const asked = elementCount(shape);
  let found = 0;
  for (let offset = 0; offset < bytes.length && found <= asked; found += 1) offset = endOfString(name, bytes, offset);
  if (found === asked) return;
  const count = found < asked ? found : `more than ${asked}`;
  throw invalid(`input '${name}' has ${count} strings, its shape [${shape.join(',')}] asks for ${asked}`);
}

function readStrings(name: string, bytes: Buffer): string[] {
  const strings: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = endOfString(name, bytes, offset);
    strings.push(textOf(name, bytes.subarray(offset + 4, end)));
    offset = end;
  }
  return strings;
}

/** One string without a length before it: the raw body form. */
export function readRawString(name: string, bytes: Uint8Array): string[] {
  return [textOf(name, bytes)];
}

function checkBooleans(name: string, bytes: Uint8Array): void {
  if (bytes.some((byte) => byte > 1))
    throw invalid(`input '${name}' holds a byte that is neither 0 nor 1, which is not BOOL`);
}

/** Told how many strings an input has before one of them is made; refuses those for which there is no room. */
export type CountStrings = (name: string, count: number) => void;

/** Elements from raw bytes, in a buffer of their own: one copy, which also aligns them and lets them change threads. */
export function readBinaryData(
  { name, datatype }: Place,
  bytes: Buffer,
  shape: readonly number[],
  countStrings: CountStrings = () => undefined,
): TensorData {
  const count = elementCount(shape);
  if (datatype === 'BYTES') {
    checkStrings(name, bytes, shape);
    countStrings(name, count);
    return readStrings(name, bytes);
  }
  const expected = count * datatypes[datatype].bytes;
  if (bytes.length !== expected) {
    throw invalid(
      `input '${name}' has ${bytes.length} bytes, its shape [${shape.join(',')}] of ${datatype} asks for ${expected}`,
    );
  }
  if (datatype === 'BOOL') checkBooleans(name, bytes);
  const own = new Uint8Array(bytes.length);
  own.set(bytes);
  return datatypes[datatype].view(own.buffer);
}

/** The elements as raw bytes: a view for numbers, a new buffer for strings. */
export function writeBinaryData({ data }: Tensor): Buffer {
  if (!Array.isArray(data)) return bytesOf(data);
  const parts = data.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}
