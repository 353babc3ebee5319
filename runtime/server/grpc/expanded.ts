/**
 * A compressed message as it was before. The library would see to that, but many at a time, and counts none of what they become
 * meanwhile: 64 KiB of each could ask for 64 MiB.
 */
import { decompress, type Share } from '../body.ts';
import { invalid } from '../protocol/errors.ts';

/** What a call may say in `grpc-encoding` that the library would undo. */
export const codings = ['gzip', 'deflate'] as const;
export type Coding = (typeof codings)[number];

/** In front of each message: whether it is compressed, and its length. */
export const prefixBytes = 5;

/** What a call has sent, in pieces: the same where it is not compressed. Refuses what is larger than a body, or has no room. */
export async function expanded(
  bytes: Buffer,
  coding: Coding,
  limits: readonly [limitBytes: number, share: Share],
): Promise<readonly Buffer[]> {
  if (bytes.length < prefixBytes || bytes[0] !== 1) return [bytes];
  if (bytes.readUInt32BE(1) !== bytes.length - prefixBytes)
    throw invalid('a call has one message, as long as what is in front of it says');
  const message = await decompress(bytes.subarray(prefixBytes), coding, limits);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return [prefix, message];
}
