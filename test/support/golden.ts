/** Rendered objects as files to read. LIMBECK_UPDATE_GOLDEN=1 writes them anew; review the difference. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect } from '@jest/globals';
import { stringify } from 'yaml';

/** Compares objects, as one YAML stream, with the file. */
export async function expectGolden(file: string, objects: readonly unknown[]): Promise<void> {
  const rendered = objects
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
  if (process.env.LIMBECK_UPDATE_GOLDEN === '1') {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, rendered);
  }
  expect(rendered).toBe(await readFile(file, 'utf8'));
}
