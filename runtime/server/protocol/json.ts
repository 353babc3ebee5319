/** JSON from strangers: bounded depth, and integers beyond 2^53 kept whole where they matter. */
import { isUtf8 } from 'node:buffer';
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

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

const parseWith: (text: string, reviver: Reviver) => unknown = JSON.parse;

/** Parses again, with every integer that a double cannot hold as a bigint. Several times slower than `parseJson`. */
export function parseBigJson(text: Buffer): unknown {
  return parseWith(text.toString('utf8'), (_key, value, context) => {
    // What is infinite fits no datatype, and may have millions of digits, of which a bigint takes seconds.
    if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isFinite(value)) return value;
    const source = context?.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/** Whether a parsed value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
