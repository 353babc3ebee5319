/**
 * Continuous batching beside static batches of the same size: eight answers begin together, and nobody joins until all of
 * them have ended. Static is what is meant by it elsewhere, a batch that is one call of a model, so the rows of answers that
 * have ended run on; how much is left where our engine lets them leave is told as well, without a goal. The same engine, in
 * this process; rounds alternate.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atLeast, tell } from '../goals.ts';
import { spread, writeResult, type Spread } from '../measure.ts';
import { openEngine } from './engine.ts';
import { newPrompt, trainerImage, writeLanguageModels } from './language.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const requests = Number(process.env.BENCH_REQUESTS ?? 32);
const size = 8;

/** Ragged, and all there from the start: prompts of 8 to 63 tokens, answers of 35 to 122. */
const work = Array.from({ length: requests }, (_, index) => ({
  promptTokens: 8 + ((index * 37) % 56),
  maxTokens: 16 + ((index * 80 + 53) % 107),
}));
const wanted = work.reduce((sum, { maxTokens }) => sum + maxTokens, 0);

type Answer = (typeof work)[number];
type Write = (prompt: string, maxTokens: number) => Promise<void>;

const all = (write: Write, answers: readonly Answer[]): Promise<unknown> =>
  Promise.all(answers.map(({ promptTokens, maxTokens }) => write(newPrompt(promptTokens), maxTokens)));

/** In batches, of which `as` says what is written of each answer. */
async function inBatches(write: Write, as: (batch: readonly Answer[]) => readonly Answer[]): Promise<void> {
  for (let first = 0; first < work.length; first += size) await all(write, as(work.slice(first, first + size)));
}

const asLongAsTheLongest = (batch: readonly Answer[]): readonly Answer[] => {
  const maxTokens = Math.max(...batch.map((answer) => answer.maxTokens));
  return batch.map((answer) => ({ ...answer, maxTokens }));
};

/** Tokens that somebody wanted, a second. */
async function rateOf(write: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await write();
  return (1000 * wanted) / (performance.now() - began);
}

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeLanguageModels(folder, trainerImage, ['writer']);
  const { engine, write } = await openEngine(folder, size);
  const sides = {
    continuous: () => all(write, work),
    'static, ended rows run on': () => inBatches(write, asLongAsTheLongest),
    'static, ended rows leave': () => inBatches(write, (batch) => batch),
  } as const;
  const found: Record<string, number>[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const rates: Record<string, number> = {};
    for (const [name, side] of Object.entries(sides)) rates[name] = await rateOf(side);
    if (round > 0) found.push(rates);
  }
  await engine.stop();
  const rates = Object.fromEntries(
    Object.keys(sides).map((side) => [side, spread(found.map((round) => round[side] ?? 0))] as const),
  );
  for (const [side, { median, low, high }] of Object.entries(rates))
    console.log(`${side}: ${median} (${low}..${high}) tokens/s`);
  const ratios: Record<string, Spread> = {};
  for (const side of Object.keys(sides).slice(1))
    ratios[`continuous / ${side}`] = spread(found.map((round) => (round['continuous'] ?? 0) / (round[side] ?? 1)));
  for (const [pairing, { median, low, high }] of Object.entries(ratios))
    console.log(`${pairing}: ratio ${median} (${low}..${high})`);
  const goals = [
    atLeast(1.3, 'G9 eight at once, continuous beside static', ratios['continuous / static, ended rows run on']),
  ];
  tell(goals);
  const reference = 'the same engine, given eight answers at a time';
  writeResult({ name: 'serving-static', reference, ratios, ...{ goals, requests, rates } });
} finally {
  rmSync(folder, { recursive: true });
}
