/**
 * What a JSON text takes in memory once it is parsed, found before it is: a number may be two bytes there, and a list three; as
 * values they take ten and fifty times as much. Pure.
 */

const openList = 0x5b;
const openObject = 0x7b;
const quote = 0x22;
const point = 0x2e;
const backslash = 0x5c;

/**
 * Bytes of values beyond their text, as JavaScript keeps them: measured, and rounded up. While they are parsed they take up to
 * three times as much.
 */
const costs = { element: 12, container: 64, text: 64, largeInteger: 128 } as const;

/** Integers of so many digits may be parsed again, with bigints. */
const largeDigits = 16;

/** Below every number of digits: what follows a point is no integer. */
const fraction = -(2 ** 30);

const isDigit = new Uint8Array(256).fill(1, 0x30, 0x3a);

const isBlank = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) isBlank[byte] = 1;

/** Of a byte outside of strings. */
const costOf = new Uint8Array(256);
for (const [letters, cost] of [
  [',:', costs.element],
  ['[{', costs.container],
  ['"', costs.text],
] as const)
  for (const byte of Buffer.from(letters)) costOf[byte] = cost;

/** Index of the quote that ends a string, or the end of the text. */
function endOfString(text: Buffer, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === backslash ? 2 : 1;
  return at;
}

/** Whether a text is a list or an object, if it is JSON at all: every other value takes no more than its text. */
function hasParts(text: Buffer): boolean {
  let at = 0;
  // A body may be nothing else: a call for each would take seconds.
  while (isBlank[text[at] ?? 0] === 1) at += 1;
  return text[at] === openList || text[at] === openObject;
}

/** A text of so many bytes is not gone through: that would take longer than much of what is done with it. */
const smallBytes = 64 << 10;

/** Of a small one: what numbers of a digit become. */
const smallFactor = 4;

/**
 * Bytes that a text takes while its request is answered, its own included. Where that is more than `most` it is looked at no
 * further. What is no JSON takes what it is.
 */
export function footprintOf(text: Buffer, most: number): number {
  if (!hasParts(text)) return text.length;
  return text.length <= smallBytes ? smallFactor * text.length : counted(text, most);
}

function counted(text: Buffer, most: number): number {
  let bytes = text.length;
  let digits = 0;
  for (let at = 0; at < text.length && bytes <= most; at += 1) {
    const byte = text[at] ?? 0;
    // Most bytes are digits.
    if (isDigit[byte] === 1) {
      digits += 1;
      if (digits === largeDigits) bytes += costs.largeInteger;
      continue;
    }
    digits = byte === point ? fraction : 0;
    bytes += costOf[byte] ?? 0;
    if (byte === quote) at = endOfString(text, at);
  }
  return bytes;
}
