/** `node demo/main.ts`: installs the chart and tells the story. Exit code 0: every promise was kept. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { brokenPromises } from './checks.ts';
import { readConfig } from './config.ts';
import { farewell } from './farewell.ts';
import { play } from './play.ts';
import { tableOf } from './table.ts';

const summaryFile = 'build/demo/summary.json';

function verdict(broken: readonly string[], seconds: number): string {
  const first = broken.length === 0 ? 'Every promise was kept' : `${broken.length} promises were broken`;
  return [`${first}; the story took ${Math.round(seconds)} s.`, ...broken.map((sentence) => `  - ${sentence}`)].join(
    '\n',
  );
}

async function main(): Promise<number> {
  const parsed = readConfig();
  if (!parsed.ok) {
    process.stderr.write(`${parsed.mistakes.join('\n')}\n`);
    return 2;
  }
  // A summary of an earlier run must not pass for this one's.
  await rm(summaryFile, { force: true });
  const write = (text: string): void => void process.stdout.write(text);
  const now = (): number => performance.now();
  const summary = await play(parsed.config, { write, now, startedAt: new Date() });
  const broken = brokenPromises(summary);
  await mkdir('build/demo', { recursive: true });
  await writeFile(summaryFile, `${JSON.stringify({ ...summary, broken }, undefined, 2)}\n`);
  write(`\n${tableOf(summary)}\n\n${verdict(broken, summary.seconds)}\n\n${farewell(parsed.config.gateway)}\n`);
  return broken.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
