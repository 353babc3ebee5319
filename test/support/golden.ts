/** Rendered objects as files to read. LIMBECK_UPDATE_GOLDEN=1 writes them anew; review the difference. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect } from '@jest/globals';
import { stringify } from 'yaml';

/** Compares objects, as one YAML stream, with the file. */
export const expectGolden = (file: string, objects: readonly unknown[]): Promise<void> =>
  expectText(
    file,
    objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n'),
  );

/** Compares an object, as JSON, with the file: for a reader in another language. */
export const expectGoldenJson = (file: string, object: unknown): Promise<void> =>
  expectText(file, `${JSON.stringify(object, null, 2)}\n`);

async function expectText(file: string, rendered: string): Promise<void> {
  if (process.env.LIMBECK_UPDATE_GOLDEN === '1') {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, rendered);
  }
  expect(rendered).toBe(await readFile(file, 'utf8'));
}
