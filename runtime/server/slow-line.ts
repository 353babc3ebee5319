/** How long an answer may wait for its caller, over HTTP and over gRPC: as long as a slow line needs for it. */

/** How often is looked. */
export const roundMs = 60_000;

/** What a caller takes at least in a second: half a megabit. */
const leastBytesPerSecond = 64 << 10;

/** The rounds that a caller has for so many bytes. */
export function roundsFor(bytes: number, everyMs: number, bytesPerSecond = leastBytesPerSecond): number {
  return Math.ceil(bytes / ((bytesPerSecond * everyMs) / 1000));
}
