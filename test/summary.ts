/** Adds up what the runners reported and prints the plain closing line. */
import { readFileSync, readdirSync } from 'node:fs';

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

const folder = 'build/test';
let [passed, failed] = [0, 0];
for (const file of readdirSync(folder)) {
  const text = readFileSync(`${folder}/${file}`, 'utf8');
  if (file.endsWith('.json')) {
    const report = JSON.parse(text) as JestReport;
    passed += report.numPassedTests;
    failed += report.numFailedTests;
  } else if (file.endsWith('.txt')) {
    passed += Number(/(\d+) passed/.exec(text)?.[1] ?? 0);
    failed += Number(/(\d+) failed/.exec(text)?.[1] ?? 0);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
