/** What the chart renders, as files to read. LIMBECK_UPDATE_GOLDEN=1 writes them anew; review the difference. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { render } from './helm.ts';

test.each(['default', 'node-port', 'external-store', 'everything', 'namespaced'])('%s', async (name) => {
  const rendered = await render(`test/charts/values-${name}.yaml`);
  const file = `test/golden/charts/${name}.yaml`;
  if (process.env.LIMBECK_UPDATE_GOLDEN === '1') {
    await mkdir('test/golden/charts', { recursive: true });
    await writeFile(file, rendered);
  }
  expect(rendered).toBe(await readFile(file, 'utf8'));
});
