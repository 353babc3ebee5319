/** Prints what the last run of the faults covered, for a person and for docs/reliability.md. */
import { readFileSync } from 'node:fs';
import { chainsOf, leadershipOf, tableOf, type Chains, type Covered, type Takeover } from './coverage.ts';

const read = (name: string): unknown => JSON.parse(readFileSync(`build/faults/${name}.json`, 'utf8'));

console.log(`
${tableOf(read('coverage') as readonly Covered[])}

${leadershipOf(read('leadership') as readonly Takeover[])}

${chainsOf(read('chains') as readonly Chains[])}
`);
