/**
 * The files in which a model's weights lie outside of its own, found while that is read: a model of more than 2 GB, which
 * protobuf cannot hold, has them in files of their own. A tensor names its file in an entry of key and value, `location` and
 * the path relative to the model's folder (TensorProto.external_data of ONNX). Entries are looked for by their bytes, since
 * most models have none; what else a file may call a location is found as well, so that a file may turn out not to exist.
 */

/** Field 1, eight bytes, and the tag of field 2: what comes before the length of the path. */
const mark = Buffer.from('\n\u0008location\u0012', 'latin1');

/** Longest path that is looked at, in bytes: its length is then one byte or two. */
const pathLimit = 1024;

/** The path that begins after a mark; undefined when the bytes end before it does, '' when it is none. */
function pathAt(bytes: Buffer, start: number): string | undefined {
  const [low, high] = [bytes[start], bytes[start + 1]];
  if (low === undefined || (low >= 128 && high === undefined)) return undefined;
  const [length, from] = low < 128 ? [low, start + 1] : [(low & 127) | ((high ?? 0) << 7), start + 2];
  if (length > pathLimit) return '';
  return bytes.length < from + length ? undefined : bytes.toString('utf8', from, from + length);
}

/** More files than this are no weights: a model has fewer tensors. */
const mostNames = 10_000;

/** Takes a file in pieces. */
export class ExternalNames {
  readonly #names = new Set<string>();
  #rest: Buffer = Buffer.alloc(0);

  /** In the order in which they were named, once each. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  push(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let kept = Math.max(0, bytes.length - mark.length + 1);
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) {
      const path = pathAt(bytes, at + mark.length);
      if (path === undefined) {
        kept = at;
        break;
      }
      if (path !== '' && this.#names.size < mostNames) this.#names.add(path);
    }
    this.#rest = bytes.subarray(Math.min(kept, bytes.length));
  }
}

/** Whether it can be the path of a file, and stays in the model's folder, whoever reads it. */
export function isInside(path: string): boolean {
  const parts = path.split('/');
  const isName = (part: string): boolean =>
    part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) < 256;
  return !/[\\\0]/.test(path) && parts.every(isName);
}
