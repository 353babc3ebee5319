/**
 * Prints what the last run of the faults covered; with the name of a document, puts it there, between the two marks, in
 * place of what an earlier run covered.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { chainsOf, leadershipOf, tableOf, type Chains, type Covered, type Takeover } from './coverage.ts';

const read = (name: string): unknown => JSON.parse(readFileSync(`build/faults/${name}.json`, 'utf8'));

const tables = [
  tableOf(read('coverage') as readonly Covered[]),
  leadershipOf(read('leadership') as readonly Takeover[]),
  chainsOf(read('chains') as readonly Chains[]),
].join('\n\n');
console.log(`\n${tables}\n`);

const [document] = process.argv.slice(2);
if (document !== undefined) {
  const text = readFileSync(document, 'utf8');
  const between = /(?<=<!-- tables of the last full run -->\n)[\s\S]*(?=<!-- end of the tables -->)/;
  if (!between.test(text)) throw new Error(`${document} has no marks between which the tables belong`);
  writeFileSync(
    document,
    text.replace(between, () => `\n${tables}\n\n`),
  );
}
