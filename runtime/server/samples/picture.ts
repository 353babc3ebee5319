/** A PNG or JPEG → the elements of one sample. The only importer of sharp, which is loaded with the first picture. */
import { sentenceOf } from '../../../process/logger.ts';
import { invalid } from '../protocol/errors.ts';
import type { ImagePreprocessing } from './preprocessing.ts';
import { resample, type Pixels } from './resample.ts';

/** Of one picture: 48 MiB as pixels. A small file can claim to be a huge picture. */
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
  return isOfInks ? mixed(pixels) : pixels;
}

/** RGB of cyan, magenta, yellow and black by Pillow's integers, without a profile, by which sharp would do it. */
function mixed({ data, width, height }: Pixels): Pixels {
  const colours = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const light = 255 - (data[4 * pixel + 3] ?? 0);
    for (let ink = 0; ink < 3; ink += 1) {
      const taken = (data[4 * pixel + ink] ?? 0) * light + 128;
      colours[3 * pixel + ink] = light - (((taken >> 8) + taken) >> 8);
    }
  }
  return { width, height, channels: 3, data: colours };
}

/** One channel of three, by Pillow's integers for ITU-R 601-2 luma. */
function grey({ data, width, height }: Pixels): Pixels {
  const luma = new Uint8Array(width * height);
  for (let pixel = 0; pixel < luma.length; pixel += 1) {
    const [red, green, blue] = [data[3 * pixel] ?? 0, data[3 * pixel + 1] ?? 0, data[3 * pixel + 2] ?? 0];
    luma[pixel] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, data: luma };
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
    const right = image.channels === 1 ? grey(pixels) : pixels;
    return elementsOf(await resample(right, image.width, image.height), image);
  });
}
