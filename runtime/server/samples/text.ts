/** Texts → rows of tokens, cut and filled up as the trainer does it. */
import { setImmediate as others } from 'node:timers/promises';
import type { TextCodec } from '../decoding/text-codec.ts';
import type { TextPreprocessing } from './preprocessing.ts';

/** [texts, contextLength]; `goesOn` throws when nobody waits for them any more. */
export async function readTexts(
  texts: readonly string[],
  codec: TextCodec,
  { contextLength, padding }: TextPreprocessing,
  goesOn: () => void,
): Promise<Float64Array> {
  const elements = new Float64Array(texts.length * contextLength).fill(padding);
  for (const [row, text] of texts.entries()) {
    goesOn();
    elements.set(await codec.encodeStart(text, contextLength, goesOn), row * contextLength);
    // Encoding blocks.
    await others();
  }
  return elements;
}
