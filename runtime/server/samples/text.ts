/** Texts → rows of tokens, cut and filled up as the trainer does it. */
import { setImmediate as others } from 'node:timers/promises';
import type { TextCodec } from '../decoding/text-codec.ts';
import type { TextPreprocessing } from './preprocessing.ts';

/** A row for each text; `goesOn` throws when nobody waits for them any more. */
export async function* readTexts(
  texts: readonly string[],
  codec: TextCodec,
  { contextLength, padding }: TextPreprocessing,
  goesOn: () => void,
): AsyncGenerator<Float64Array> {
  for (const text of texts) {
    goesOn();
    const row = new Float64Array(contextLength).fill(padding);
    row.set(await codec.encodeStart(text, contextLength, goesOn));
    yield row;
    // Encoding blocks.
    await others();
  }
}
