/** The images on the node: how much of them a new node would fetch before the first answer, and by which names they are known. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { Kubectl } from '../../demo/kubectl.ts';
import type { Images } from './lab.ts';
import { configHere } from './world.ts';

interface Node {
  /** `sizeBytes`: of the layers as they were put on the node, here without compression. */
  readonly status: { readonly images: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[] };
}

/** By each name that the node has for it, the size of an image. */
async function sizesByName(): Promise<ReadonlyMap<string, number>> {
  const nodes = await new Kubectl('default').list<Node>('nodes');
  const images = nodes.flatMap(({ status }) => status.images);
  return new Map(images.flatMap(({ names, sizeBytes }) => names.map((name) => [name, sizeBytes] as const)));
}

const imagesIn = async (file: string): Promise<Images> =>
  (parse(await readFile(file, 'utf8')) as { readonly images: Images }).images;

test('the image of the server has at most 400 MB', async () => {
  const { server } = await imagesIn(configHere().valuesFile);
  const size = (await sizesByName()).get(server);
  expect(size).toBeGreaterThan(0);
  expect(size).toBeLessThanOrEqual(400e6);
});

test('a release without values finds its images on the node', async () => {
  const names = await sizesByName();
  const { operator, server, trainer, store } = await imagesIn('charts/limbeck/values.yaml');
  expect([operator, server, trainer, store].filter((image) => !names.has(image))).toEqual([]);
});
