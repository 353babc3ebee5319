/**
 * What one call sends, kept until it is whole. The library would keep a Buffer for each frame, which may be a byte, and would undo
 * compression, but many at a time, and counts none of what they become meanwhile: 64 KiB of each could ask for 64 MiB.
 */
import { keep, whole } from '../../../process/pieces.ts';
import { decompress, Share, tooLarge, type BodyLimits } from '../body.ts';
import { invalid } from '../protocol/errors.ts';

/** What a call may say in `grpc-encoding` that the library would undo. */
export const codings = ['gzip', 'deflate'] as const;
type Coding = (typeof codings)[number];

/** In front of each message: whether it is compressed, and its length. */
const prefixBytes = 5;

/** How long a message will be, by its begin; 0 where that is not whole. */
const announcedBy = (begin: Buffer): number => (begin.length < prefixBytes ? 0 : begin.readUInt32BE(1));

/** A call has a single message, and nothing is answered before that is whole. */
export class WholeMessage {
  readonly #limits: BodyLimits;
  readonly #stream: ConstructorParameters<typeof Share>[1];
  readonly #coding: Coding | undefined;
  readonly #pieces: Buffer[] = [];
  #share: Share | undefined;
  #size = 0;

  constructor(limits: BodyLimits, stream: ConstructorParameters<typeof Share>[1], coding: Coding | undefined) {
    this.#limits = limits;
    this.#stream = stream;
    this.#coding = coding;
  }

  /** Takes what has come. Refuses what is larger than a body, or has no room. */
  add(chunk: Buffer): void {
    this.#share ??= this.#begin(chunk);
    this.#size += chunk.length;
    if (this.#size > this.#limits.maxBodyBytes + prefixBytes) throw tooLarge(this.#limits.maxBodyBytes);
    this.#share.hold(chunk.length);
    keep(this.#pieces, chunk);
  }

  /** All of it, in pieces that nobody counts any more, and as it came where it is not compressed. */
  async whole(): Promise<readonly Buffer[]> {
    const came = this.#pieces.splice(0);
    const isCompressed = this.#size >= prefixBytes && came[0]?.[0] === 1;
    const [coding, share] = [this.#coding, this.#share];
    const pieces = isCompressed && coding && share ? await this.#expanded(whole(came), coding, share) : came;
    share?.release();
    return pieces.filter(({ length }) => length > 0);
  }

  #begin(chunk: Buffer): Share {
    const announcedBytes = announcedBy(chunk);
    if (announcedBytes > this.#limits.maxBodyBytes) throw tooLarge(this.#limits.maxBodyBytes);
    return new Share(this.#limits.bodies, this.#stream, announcedBytes);
  }

  async #expanded(bytes: Buffer, coding: Coding, share: Share): Promise<readonly Buffer[]> {
    // A second one would be decompressed by the library.
    if (announcedBy(bytes) !== bytes.length - prefixBytes)
      throw invalid('a call has one message, as long as what is in front of it says');
    const message = await decompress(bytes.subarray(prefixBytes), coding, [this.#limits.maxBodyBytes, share]);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(message.length, 1);
    return [prefix, message];
  }
}
