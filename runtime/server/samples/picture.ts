/** A PNG or JPEG → the elements of one sample. The only importer of sharp, which is loaded with the first picture. */
import { sentenceOf } from '../../../process/logger.ts';
import { invalid } from '../protocol/errors.ts';
import { greyOf, rgbOfInks } from './colours.ts';
import type { ImagePreprocessing } from './preprocessing.ts';
import { resample, type Pixels } from './resample.ts';

/** Of one picture: 48 MiB as pixels, 64 of four inks. A small file can claim to be a huge picture. */
const mostPixels = 1 << 24;

const png = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const jpeg = Buffer.of(0xff, 0xd8, 0xff);

const begins = (file: Buffer, signature: Buffer): boolean => file.subarray(0, signature.length).equals(signature);
/** sharp knows many more formats; strangers' bytes must reach the readers of these two alone. */
const isPicture = (file: Buffer): boolean => begins(file, png) || begins(file, jpeg);

let decoding: Promise<unknown> = Promise.resolve();

/** Pixels of one picture are in memory at a time, whoever asks. */
function alone<T>(task: () => Promise<T>): Promise<T> {
  const turn = decoding.then(task);
  decoding = turn.catch(() => undefined);
  return turn;
}

/** RGB as the file has it: neither turned nor corrected for a screen, as the trainer reads it. */
async function decoded(file: Buffer): Promise<Pixels> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(1);
  const image = sharp(file, { limitInputPixels: mostPixels, failOn: 'error', ignoreIcc: true });
  const isOfInks = begins(file, jpeg) && (await image.metadata()).space === 'cmyk';
  const whole = isOfInks ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.removeAlpha();
  const { data, info } = await whole.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const pixels = { width, height, channels, data };
  return isOfInks ? rgbOfInks(pixels) : pixels;
}

/** One sample's elements, in the order of the model's layout. */
function elementsOf({ data }: Pixels, image: ImagePreprocessing): Float64Array {
  const { channels, height, width, layout, range, mean, deviation } = image;
  const elements = new Float64Array(channels * height * width);
  const scale = (range[1] - range[0]) / 255;
  for (let channel = 0; channel < channels; channel += 1) {
    const [offset, step] = layout === 'channelsFirst' ? [channel * height * width, 1] : [channel, channels];
    const [centre, unit] = [mean[channel] ?? 0, deviation[channel] ?? 1];
    for (let pixel = 0; pixel < height * width; pixel += 1) {
      const value = range[0] + (data[pixel * channels + channel] ?? 0) * scale;
      elements[offset + pixel * step] = (value - centre) / unit;
    }
  }
  return elements;
}

/** What the model takes for one file; `where` names it to the caller. */
export async function readPicture(file: Buffer, where: string, image: ImagePreprocessing): Promise<Float64Array> {
  if (!isPicture(file)) throw invalid(`${where} is neither a PNG nor a JPEG`);
  return alone(async () => {
    const pixels = await decoded(file).catch((error: unknown) => {
      throw invalid(`${where} is no whole picture of at most ${mostPixels} pixels: ${sentenceOf(error)}`);
    });
    const right = image.channels === 1 ? await greyOf(pixels) : pixels;
    return elementsOf(await resample(right, image.width, image.height), image);
  });
}
