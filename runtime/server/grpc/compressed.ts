/**
 * A compressed message as it was before. The library would see to that, but many at a time, and counts none of what they become
 * meanwhile: 64 KiB of each could ask for 64 MiB.
 */
import { decompress, Share, tooLarge, type BodyLimits } from '../body.ts';
import { invalid } from '../protocol/errors.ts';

/** What a call may say in `grpc-encoding` that the library would undo. */
export const codings = ['gzip', 'deflate'] as const;
export type Coding = (typeof codings)[number];

/** In front of each message: whether it is compressed, and its length. */
export const prefixBytes = 5;

/** What one call sends; it has a single message, and nothing is answered before that is whole. */
export class Compressed {
  readonly #limitBytes: number;
  readonly #coding: Coding;
  readonly #share: Share;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor({ maxBodyBytes, bodies }: BodyLimits, stream: ConstructorParameters<typeof Share>[1], coding: Coding) {
    this.#limitBytes = maxBodyBytes;
    this.#coding = coding;
    this.#share = new Share(bodies, stream, 0);
  }

  /** Takes what has come. Refuses what is larger than a body, or has no room. */
  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#limitBytes + prefixBytes) throw tooLarge(this.#limitBytes);
    this.#share.hold(chunk.length);
    this.#chunks.push(chunk);
  }

  /** All of it, in pieces that nobody counts any more; as it came where it is not compressed after all. */
  async whole(): Promise<readonly Buffer[]> {
    const bytes = Buffer.concat(this.#chunks.splice(0));
    const isCompressed = bytes.length >= prefixBytes && bytes[0] === 1;
    const pieces = isCompressed ? await this.#expanded(bytes) : [bytes].filter(({ length }) => length > 0);
    this.#share.release();
    return pieces;
  }

  async #expanded(bytes: Buffer): Promise<readonly Buffer[]> {
    // A second one would be decompressed by the library.
    if (bytes.readUInt32BE(1) !== bytes.length - prefixBytes)
      throw invalid('a call has one message, as long as what is in front of it says');
    const message = await decompress(bytes.subarray(prefixBytes), this.#coding, [this.#limitBytes, this.#share]);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(message.length, 1);
    return [prefix, message].filter(({ length }) => length > 0);
  }
}
