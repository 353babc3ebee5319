/** What a node fetches before the first answer of a model: where it is new, that is a part of the cold start. */
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

test('the image of the server has at most 400 MB', async () => {
  const { images } = parse(await readFile(configHere().valuesFile, 'utf8')) as { images: Images };
  const nodes = await new Kubectl('default').list<Node>('nodes');
  const sizes = nodes
    .flatMap(({ status }) => status.images)
    .filter(({ names }) => names.includes(images.server))
    .map(({ sizeBytes }) => sizeBytes);
  expect(sizes.length).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(400e6);
});
