/**
 * Prints what the last run of the faults covered; with the name of a document, puts it there, between the two marks, in
 * place of what an earlier run covered, if it was a whole one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { chainsOf, leadershipOf, tableOf, timesOf, type Chains, type Covered, type Takeover } from './coverage.ts';
import { commitOf, readKept } from './kept.ts';

const covered = readKept<Covered>('coverage');
const takeovers = readKept<Takeover>('leadership');
const chains = readKept<Chains>('chains');
const tables = [tableOf(covered.rows), timesOf(covered.rows), leadershipOf(takeovers.rows), chainsOf(chains.rows)].join(
  '\n\n',
);
console.log(`\n${tables}\n`);

const [document] = process.argv.slice(2);
if (document !== undefined) {
  const commit = commitOf([covered, takeovers, chains]);
  const text = readFileSync(document, 'utf8');
  const between = /(?<=<!-- tables of the last full run -->\n)[\s\S]*(?=<!-- end of the tables -->)/;
  if (!between.test(text)) throw new Error(`${document} has no marks between which the tables belong`);
  writeFileSync(
    document,
    text.replace(between, () => `\nOf ${commit}:\n\n${tables}\n\n`),
  );
}
