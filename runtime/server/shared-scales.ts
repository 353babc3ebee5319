/**
 * Whether a graph quantises what it computes by scales that all rows of a batch share: a row's answer then hangs upon its
 * neighbours by a rounding that no trial of a few rows need show.
 */
import { createReadStream } from 'node:fs';

/** What all such operators' names begin with; they stand in the file as they are. */
const operator = 'DynamicQuantize';

/** Looks for such an operator in a model's file. */
export async function sharesScales(path: string): Promise<boolean> {
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([tail, chunk]);
    if (bytes.includes(operator)) return true;
    // A name may lie across two chunks.
    tail = bytes.subarray(-operator.length);
  }
  return false;
}
