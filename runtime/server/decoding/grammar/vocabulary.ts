/**
 * The bytes of all tokens as one trie, flat and in preorder: a walk goes forwards through a few arrays, and leaves out at once
 * whatever begins with a byte that cannot follow.
 */

/** What each token adds to a text: token t has the bytes from `ends[t - 1]` up to `ends[t]`; one without any is never chosen. */
export interface TokenBytes {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** The bytes of one token. */
export function bytesOfToken({ bytes, ends }: TokenBytes, token: number): Uint8Array {
  return bytes.subarray(ends[token - 1] ?? 0, ends[token] ?? 0);
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

/** Tokens with bytes, in the order of these. One letter for each byte makes strings that compare as bytes do. */
function sortedTokens(tokens: TokenBytes): { readonly spelled: string; readonly token: number }[] {
  const spelled = Array.from(tokens.ends, (_, token) => {
    return { token, spelled: Buffer.from(bytesOfToken(tokens, token)).toString('latin1') };
  });
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return spelled.filter((each) => each.spelled !== '').sort((a, b) => order(a.spelled, b.spelled) || a.token - b.token);
}

/** A trie. Node n's children and their children are the nodes from n + 1 up to `skip[n]`. */
export interface Trie {
  readonly byte: Uint8Array;
  readonly skip: Uint32Array;
  /** Bytes from the start, at least 1. */
  readonly depth: Uint16Array;
  /** Tokens in the order of their bytes; those that end at node n lie from `first[n]` up to `first[n + 1]`. */
  readonly tokens: Uint32Array;
  readonly first: Uint32Array;
}

/** The trie of some tokens. */
export function trieOf(vocabulary: TokenBytes): Trie {
  const sorted = sortedTokens(vocabulary);
  const size = vocabulary.bytes.length;
  const [byte, skip, depth] = [new Uint8Array(size), new Uint32Array(size), new Uint16Array(size)];
  const first = new Uint32Array(size + 1);
  const open: number[] = [];
  let count = 0;
  let before = '';
  const closeTo = (length: number): void => {
    while (open.length > length) skip[open.pop() ?? 0] = count;
  };
  for (const [index, { spelled }] of sorted.entries()) {
    closeTo(commonLength(before, spelled));
    for (let at = open.length; at < spelled.length; at += 1) {
      byte[count] = spelled.charCodeAt(at);
      depth[count] = at + 1;
      first[count] = index;
      open.push(count);
      count += 1;
    }
    // The next node's tokens come after this one, which ends where the last node is.
    first[count] = index + 1;
    before = spelled;
  }
  closeTo(0);
  return {
    byte: byte.slice(0, count),
    skip: skip.slice(0, count),
    depth: depth.slice(0, count),
    tokens: Uint32Array.from(sorted, ({ token }) => token),
    first: first.slice(0, count + 1),
  };
}
