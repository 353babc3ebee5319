/** The inside of a JSON string, byte by byte: whole UTF-8, whole escapes, and no control character. Pure. */

/** Between two characters, where the string may end. */
export const plain = 0;
const escape = 1;
/** From the first to the last of the four digits of an escape. */
const digits = [2, 3, 4, 5] as const;
/** One, two or three bytes of a character are missing, whichever they are. */
const [tail1, tail2, tail3] = [6, 7, 8] as const;
/** After a lead byte whose next byte is restricted: no overlong forms, no surrogates, nothing above U+10FFFF. */
const [afterE0, afterED, afterF0, afterF4] = [9, 10, 11, 12] as const;
const placeCount = 13;

export const quote = 0x22;
export const backslash = 0x5c;

type Rule = readonly [from: number, low: number, high: number, to: number];

const hexadecimal = [
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
] as const;

/** Later ones go before earlier ones. */
const rules: readonly Rule[] = [
  [plain, 0x20, 0x7f, plain],
  [plain, quote, quote, -1],
  [plain, backslash, backslash, escape],
  ...Array.from('"\\/bfnrt', (letter): Rule => [escape, letter.charCodeAt(0), letter.charCodeAt(0), plain]),
  [escape, 0x75, 0x75, digits[0]],
  ...digits.flatMap((from, index) =>
    hexadecimal.map(([low, high]): Rule => [from, low, high, digits[index + 1] ?? plain]),
  ),
  [plain, 0xc2, 0xdf, tail1],
  [plain, 0xe0, 0xe0, afterE0],
  [plain, 0xe1, 0xef, tail2],
  [plain, 0xed, 0xed, afterED],
  [plain, 0xf0, 0xf0, afterF0],
  [plain, 0xf1, 0xf3, tail3],
  [plain, 0xf4, 0xf4, afterF4],
  [tail1, 0x80, 0xbf, plain],
  [tail2, 0x80, 0xbf, tail1],
  [tail3, 0x80, 0xbf, tail2],
  [afterE0, 0xa0, 0xbf, tail1],
  [afterED, 0x80, 0x9f, tail1],
  [afterF0, 0x90, 0xbf, tail2],
  [afterF4, 0x80, 0x8f, tail2],
];

const table = new Int8Array(placeCount * 256).fill(-1);
for (const [from, low, high, to] of rules) table.fill(to, from * 256 + low, from * 256 + high + 1);

/** The place after one more byte; -1 where it cannot follow. The closing quote is not part of the inside. */
export function inString(place: number, byte: number): number {
  return table[place * 256 + byte] ?? -1;
}

/** Whether a place is within an escape. */
export function inEscape(place: number): boolean {
  return place >= escape && place <= digits[3];
}
