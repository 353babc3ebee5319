/**
 * Resizes pixels exactly as the trainer does: Pillow's bilinear filter, which widens with the reduction, in its fixed-point
 * arithmetic (Resample.c: 22 bits, rounded after each of the two passes). Another library's bilinear would show a model
 * other pixels than it was trained on. Pure, but for letting others go on in between.
 */
import { setImmediate as others } from 'node:timers/promises';
import { sum } from '../sum.ts';

/** Rows of pixels, `channels` bytes for each. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** For each pixel of the result: where its window of source pixels begins, and the weight of each. */
interface Window {
  readonly start: number;
  readonly weights: Float64Array;
}

const precision = 2 ** 22;

/** Multiplications between two turns of the event loop: a few milliseconds. */
const workBetweenTurns = 2_000_000;

function windowsOf(from: number, to: number): readonly Window[] {
  const scale = from / to;
  const support = Math.max(1, scale);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const heights = Array.from({ length: end - start }, (_unused, at) =>
      Math.max(0, 1 - Math.abs((at + start - centre + 0.5) / support)),
    );
    const total = sum(heights);
    return { start, weights: Float64Array.from(heights, (height) => Math.trunc(0.5 + (height / total) * precision)) };
  });
}

/** The weighted sum of every `stride`th byte from `at` on, rounded. */
function weighed(data: Uint8Array, [at, stride]: readonly [number, number], weights: Float64Array): number {
  let total = precision / 2;
  for (let tap = 0; tap < weights.length; tap += 1) total += (data[at + tap * stride] ?? 0) * (weights[tap] ?? 0);
  return Math.min(255, Math.floor(total / precision));
}

async function horizontally({ data, ...from }: Pixels, width: number): Promise<Pixels> {
  const { channels, height } = from;
  const windows = windowsOf(from.width, width);
  const result = new Uint8Array(width * height * channels);
  const rowsAtOnce = Math.max(1, Math.floor(workBetweenTurns / (from.width * channels)));
  for (let row = 0; row < height; row += 1) {
    if (row % rowsAtOnce === rowsAtOnce - 1) await others();
    let to = row * width * channels;
    for (const { start, weights } of windows)
      for (let channel = 0; channel < channels; channel += 1)
        result[to++] = weighed(data, [(row * from.width + start) * channels + channel, channels], weights);
  }
  return { width, height, channels, data: result };
}

async function vertically({ data, ...from }: Pixels, height: number): Promise<Pixels> {
  const stride = from.width * from.channels;
  const result = new Uint8Array(stride * height);
  let work = 0;
  for (const [row, { start, weights }] of windowsOf(from.height, height).entries()) {
    work += stride * weights.length;
    if (work > workBetweenTurns) {
      await others();
      work = 0;
    }
    for (let column = 0; column < stride; column += 1)
      result[row * stride + column] = weighed(data, [start * stride + column, stride], weights);
  }
  return { ...from, height, data: result };
}

/** The same picture in another size. */
export async function resample(pixels: Pixels, width: number, height: number): Promise<Pixels> {
  const wide = width === pixels.width ? pixels : await horizontally(pixels, width);
  return height === wide.height ? wide : vertically(wide, height);
}
