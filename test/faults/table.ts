/** Prints what the last run of the faults covered, for a person and for docs/reliability.md. */
import { readFileSync } from 'node:fs';
import { tableOf, type Covered } from './coverage.ts';

const covered = JSON.parse(readFileSync('build/faults/coverage.json', 'utf8')) as readonly Covered[];
const takeovers = JSON.parse(readFileSync('build/faults/leadership.json', 'utf8')) as readonly {
  readonly befell: string;
  readonly seconds: number;
}[];
console.log(`\n${tableOf(covered)}\n`);
for (const { befell, seconds } of takeovers) console.log(`${befell}: taken over after ${seconds.toFixed(1)} s`);
