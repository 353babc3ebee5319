import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readPicture } from '../../../../runtime/server/samples/picture.ts';
import type { ImagePreprocessing } from '../../../../runtime/server/samples/preprocessing.ts';

const folder = new URL('../../../golden/pictures/', import.meta.url);

/** Pixels that the trainer's own reader made, which its tests compare with the same files. */
interface Golden {
  readonly file: string;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly pixels: string;
}
const goldens = JSON.parse(readFileSync(new URL('pictures.json', folder), 'utf8')) as readonly Golden[];

const file = (name: string): Buffer => readFileSync(new URL(name, folder));

const plain = (size: Pick<ImagePreprocessing, 'height' | 'width' | 'channels'>): ImagePreprocessing => ({
  kind: 'image',
  layout: 'channelsFirst',
  range: [0, 255],
  mean: new Array<number>(size.channels).fill(0),
  deviation: new Array<number>(size.channels).fill(1),
  ...size,
});

describe('a picture', () => {
  test.each(
    goldens.map((golden) => [`${golden.file} ${golden.width}x${golden.height}x${golden.channels}`, golden] as const),
  )('is what the trainer made of it: %s', async (_name, { file: name, pixels, ...size }) => {
    expect([...(await readPicture(file(name), 'it', plain(size)))]).toEqual([...Buffer.from(pixels, 'base64')]);
  });

  test('is spread over the range, and normalised per channel', async () => {
    const size = { height: 23, width: 31, channels: 3 } as const;
    const raw = await readPicture(file('photo.png'), 'it', plain(size));
    const changes = { range: [0, 1], mean: [0.5, 0, 0.25], deviation: [0.5, 1, 2] } as const;
    const normal = await readPicture(file('photo.png'), 'it', { ...plain(size), ...changes });
    [0, 1, 2].forEach((channel) => {
      const at = channel * 23 * 31 + 5;
      const expected = ((raw[at] ?? NaN) / 255 - (changes.mean[channel] ?? 0)) / (changes.deviation[channel] ?? 1);
      expect(normal[at]).toBeCloseTo(expected, 12);
    });
  });

  test('has its channels last where the model takes them so', async () => {
    const size = { height: 23, width: 31, channels: 3 } as const;
    const first = await readPicture(file('photo.png'), 'it', plain(size));
    const last = await readPicture(file('photo.png'), 'it', { ...plain(size), layout: 'channelsLast' });
    expect([last[0], last[1], last[2]]).toEqual([first[0], first[23 * 31], first[2 * 23 * 31]]);
  });
});

describe('refused are', () => {
  const size = plain({ height: 8, width: 8, channels: 1 });
  /** A PNG whose head says that it is 20,000 pixels wide and high. */
  const huge = (): Buffer => {
    const png = Buffer.from(file('grey.png'));
    png.writeUInt32BE(20_000, 16);
    png.writeUInt32BE(20_000, 20);
    return png;
  };

  test.each<[string, Buffer, string]>([
    ['text', Buffer.from('no picture'), 'neither a PNG nor a JPEG'],
    ['nothing', Buffer.alloc(0), 'neither a PNG nor a JPEG'],
    ['another format', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'neither a PNG nor a JPEG'],
    ['half of a PNG', file('photo.png').subarray(0, 900), 'no whole picture'],
    ['half of a JPEG', file('photo.jpg').subarray(0, 700), 'no whole picture'],
    ['a huge picture', huge(), 'no whole picture of at most 16777216 pixels'],
  ])('%s', async (_name, bytes, sentence) => {
    await expect(readPicture(bytes, 'image 2', size)).rejects.toThrow(`image 2 is ${sentence}`);
  });

  test('and the next one is read all the same', async () => {
    await expect(readPicture(file('photo.png').subarray(0, 900), 'it', size)).rejects.toThrow();
    await expect(readPicture(file('photo.png'), 'it', size)).resolves.toHaveLength(64);
  });
});
