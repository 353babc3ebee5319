/**
 * What comes in chunks, kept in few Buffers. Each Buffer takes some hundred bytes beside its own, and a chunk may be one byte: a
 * body kept as it comes could take hundreds of times what it is counted as.
 */

/** Pieces of so many bytes are worth a Buffer of their own. */
const pieceBytes = 16 << 10;

/** In memory of its own: of a pool a byte would keep all. */
function joined(first: Buffer, second: Buffer): Buffer {
  const both = Buffer.allocUnsafeSlow(first.length + second.length);
  first.copy(both);
  second.copy(both, first.length);
  return both;
}

/**
 * Adds a chunk. Small ones are joined with what is before them as long as that is no more than twice as long: so that the small
 * pieces halve from one to the next, few at a time, and a byte is copied some ten times at most.
 */
export function keep(pieces: Buffer[], chunk: Buffer): void {
  let piece = chunk;
  for (;;) {
    const last = pieces.at(-1);
    if (last === undefined || last.length >= pieceBytes || last.length > 2 * piece.length) break;
    piece = joined(last, piece);
    pieces.pop();
  }
  pieces.push(piece);
}

/** All pieces in one. */
export function whole(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
}
