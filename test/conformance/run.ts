/**
 * The conformance kit as a program; README.md beside it says how to use it.
 *   node test/conformance/run.ts --write-models DIR
 *   node test/conformance/run.ts --url http://127.0.0.1:8080 [--json FILE]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runAll, type Outcome } from './kit.ts';
import { conformanceModels } from './models.ts';

const usage = 'usage: node test/conformance/run.ts (--write-models DIR | --url URL [--json FILE])';

async function writeModels(folder: string): Promise<void> {
  for (const [name, bytes] of Object.entries(conformanceModels())) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  console.log(`${Object.keys(conformanceModels()).length} models are in ${folder}`);
}

const marks = { kept: 'ok  ', broken: 'FAIL', 'not announced': '--  ' } as const;

function tell({ name, result, why }: Outcome): void {
  console.log(`${marks[result]} ${name}${why === undefined ? '' : `\n       ${why}`}`);
}

async function judge(url: string, file: string | undefined): Promise<number> {
  const outcomes = await runAll(url, tell);
  const count = (result: Outcome['result']): number => outcomes.filter((outcome) => outcome.result === result).length;
  console.log(`\n${count('kept')} kept, ${count('broken')} broken, ${count('not announced')} not announced`);
  if (file !== undefined) await writeFile(file, `${JSON.stringify({ url, outcomes }, undefined, 2)}\n`);
  return count('broken') === 0 ? 0 : 1;
}

const options = { url: { type: 'string' }, json: { type: 'string' }, 'write-models': { type: 'string' } } as const;
const { values } = parseArgs({ options });
if (values['write-models'] !== undefined) await writeModels(values['write-models']);
else if (values.url !== undefined) process.exitCode = await judge(values.url, values.json);
else {
  console.error(usage);
  process.exitCode = 2;
}
