/** JSON from strangers: bounded depth, and integers beyond 2^53 kept whole where they matter. */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { invalid } from './errors.ts';

/** A request needs 4 levels and one for each axis of nested data. */
const depthLimit = 64;

/** Most lists and objects of a request: each costs the parser dozens of bytes where the wire needs two. */
const containerLimit = 1 << 22;

const quote = 0x22;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** Set in all four brackets of JSON, or added to them: what is less than the least of them then is none. */
const caseBit = 0x20;

/** Index of the quote that ends the string which starts at `start`, or the end of the text. */
function endOfString(text: Buffer, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf(quote, end + 1);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text[end - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
}

/** Whether a byte occurs more often than `limit` times; native search makes this cheap where it is rare. */
function occursMoreThan(text: Buffer, byte: number, limit: number): boolean {
  let count = 0;
  for (let at = text.indexOf(byte); at >= 0; at = text.indexOf(byte, at + 1)) {
    count += 1;
    if (count > limit) return true;
  }
  return false;
}

/** Refuses text that nests deeper than any request does, or is mostly brackets: 64 MiB of '[' would end the process. */
function checkNesting(text: Buffer): void {
  let depth = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    // Most bytes are digits, which two comparisons tell.
    if (byte === quote) at = endOfString(text, at);
    else if ((byte | caseBit) < openObject) continue;
    else if (byte === openList || byte === openObject) {
      depth += 1;
      containers += 1;
      if (depth > depthLimit) throw invalid(`the request is nested deeper than ${depthLimit} levels`);
      if (containers > containerLimit) throw invalid(`the request has more than ${containerLimit} lists and objects`);
    } else if (byte === closeList || byte === closeObject) depth -= 1;
  }
}

/** Whether a text, of whatever size, has brackets enough to be too deep: few have, and to count some costs next to nothing. */
function isSuspicious(text: Buffer): boolean {
  return occursMoreThan(text, openList, depthLimit / 2) || occursMoreThan(text, openObject, depthLimit / 2);
}

function sentence(error: unknown): string {
  // Upstream quotes the whole text after its reason.
  return error instanceof Error ? (error.message.split(', "')[0]?.slice(0, 200) ?? '') : '';
}

/** Parses a body. Refuses what is not UTF-8 JSON. */
export function parseJson(text: Buffer): unknown {
  // Decoding would put replacement characters where the bytes are wrong, without a word.
  if (!isUtf8(text)) throw invalid('the request is not UTF-8');
  if (isSuspicious(text)) checkNesting(text);
  try {
    return JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw invalid(`the request is not JSON: ${sentence(error)}`);
  }
}

/** What a number is made of: 1 for a digit, 2 for a point, an exponent and its sign, 0 for everything else. */
const numeric = new Uint8Array(256);
for (const [letters, kind] of [
  ['0123456789', 1],
  ['.eE+-', 2],
] as const)
  for (const byte of Buffer.from(letters)) numeric[byte] = kind;

const minus = 0x2d;

/** Fewer digits than these are an integer that a double holds. */
const leastDigits = 16;

/** Stands in front of a large integer's digits while they are a string; nobody else knows it. */
const mark = randomBytes(9).toString('base64');

/** Index after the number that begins at `start`, and whether it is digits alone. */
function endOfNumber(text: Buffer, start: number): readonly [end: number, isWhole: boolean] {
  let end = start + 1;
  let isWhole = true;
  for (let kind = numeric[text[end] ?? 0]; kind !== 0 && end < text.length; kind = numeric[text[end] ?? 0]) {
    isWhole &&= kind === 1;
    end += 1;
  }
  return [end, isWhole];
}

/** JSON with its large integers as strings. */
function marked(text: Buffer): Buffer {
  // Between two numbers there is at least a comma.
  const most = Math.ceil(text.length / (leastDigits + 1));
  const out = Buffer.allocUnsafe(text.length + most * (mark.length + 2));
  let [length, from] = [0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === quote) at = endOfString(text, at);
    else if (byte === minus || numeric[byte] === 1) {
      const [end, isWhole] = endOfNumber(text, at);
      if (isWhole && end - at >= leastDigits) {
        length += text.copy(out, length, from, at);
        length += out.write(`"${mark}`, length);
        length += text.copy(out, length, at, end);
        length += out.write('"', length);
        from = end;
      }
      at = end - 1;
    }
  }
  length += text.copy(out, length, from);
  return out.subarray(0, length);
}

/** What is infinite fits no datatype, and may have millions of digits, of which a bigint takes seconds. */
function integerOf(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) || !Number.isFinite(number) ? number : BigInt(digits);
}

const unmarked = (value: unknown): unknown =>
  typeof value === 'string' && value.startsWith(mark) ? integerOf(value.slice(mark.length)) : value;

/** Puts integers in the place of what is marked, wherever it stands. */
function unmark(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list: unknown[] = value;
    for (let at = 0; at < list.length; at += 1) list[at] = unmark(list[at]);
  } else if (isRecord(value)) {
    for (const name of Object.keys(value)) value[name] = unmark(value[name]);
  }
  return unmarked(value);
}

/**
 * Parses again what `parseJson` has taken, with every integer that a double cannot hold as a bigint. A reviver would be asked
 * about each number with its text: a body of 64 MiB took minutes, in which nobody else was answered.
 */
export function parseBigJson(text: Buffer): unknown {
  return unmark(JSON.parse(marked(text).toString('utf8')));
}

/** Whether a parsed value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
