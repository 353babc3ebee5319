import { headDim } from './echo-decoder.ts';

/** The same model, but for the letter z, which it has as NaN: whatever comes after it has no likeliest token. */
export function speechless(echo: Buffer): Buffer {
  const model = Buffer.from(echo);
  // The first of its tables has a row for each token, with a 1 in the column of the same number.
  const first = model.indexOf(Buffer.from(Float32Array.of(1).buffer));
  model.writeFloatLE(Number.NaN, first + 'z'.charCodeAt(0) * (headDim + 1) * 4);
  return model;
}
