/**
 * Pixels of one kind → of another, by Pillow's integers, as the trainer has them: a profile, by which another library would
 * do it, shows a model other pixels than it was trained on. Pure, but for letting others go on in between.
 */
import { setImmediate as others } from 'node:timers/promises';
import type { Pixels } from './resample.ts';

/** Between two turns of the event loop: a few milliseconds. */
const pixelsBetweenTurns = 1 << 17;

/** Fills `to` for the pixels from `first` up to `end`. */
type Conversion = (from: Uint8Array, to: Uint8Array, first: number, end: number) => void;

async function converted({ width, height, data }: Pixels, channels: number, convert: Conversion): Promise<Pixels> {
  const count = width * height;
  const result = new Uint8Array(channels * count);
  for (let first = 0; first < count; first += pixelsBetweenTurns) {
    if (first > 0) await others();
    convert(data, result, first, Math.min(first + pixelsBetweenTurns, count));
  }
  return { width, height, channels, data: result };
}

/** One channel of red, green and blue: ITU-R 601-2 luma. */
export const greyOf = (pixels: Pixels): Promise<Pixels> =>
  converted(pixels, 1, (from, to, first, end) => {
    for (let pixel = first; pixel < end; pixel += 1) {
      const [red, green, blue] = [from[3 * pixel] ?? 0, from[3 * pixel + 1] ?? 0, from[3 * pixel + 2] ?? 0];
      to[pixel] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    }
  });

/** Red, green and blue of cyan, magenta, yellow and black: (255 - ink)(255 - black) / 255, rounded. */
export const rgbOfInks = (pixels: Pixels): Promise<Pixels> =>
  converted(pixels, 3, (from, to, first, end) => {
    for (let pixel = first; pixel < end; pixel += 1) {
      const light = 255 - (from[4 * pixel + 3] ?? 0);
      for (let ink = 0; ink < 3; ink += 1) {
        const taken = (from[4 * pixel + ink] ?? 0) * light + 128;
        to[3 * pixel + ink] = light - (((taken >> 8) + taken) >> 8);
      }
    }
  });
