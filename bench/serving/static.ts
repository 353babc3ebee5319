/**
 * Continuous batching beside static batches of the same size: eight answers begin together, and nobody joins until all of
 * them have ended. Static is what is meant by it elsewhere, a batch that is one call of a model, so the rows of answers that
 * have ended run on; how much is left where our engine lets them leave is told as well, without a goal. The same engine, in
 * this process; rounds alternate.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atLeast, conclude } from '../goals.ts';
import type { Spread } from '../measure.ts';
import { compared, inTurn, rateOf } from '../rounds.ts';
import { openEngine } from './engine.ts';
import { newPrompt, shortPrompts, tokensOf, trainerImage, writeLanguageModels, type Answer } from './language.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const requests = Number(process.env.BENCH_REQUESTS ?? 32);
const size = 8;

/** All there from the start. */
const work = shortPrompts(requests);
const wanted = tokensOf(work);

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
const timed = (write: () => Promise<unknown>) => async (): Promise<number> => {
  const began = performance.now();
  await write();
  return (1000 * wanted) / (performance.now() - began);
};

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeLanguageModels(folder, trainerImage, ['writer']);
  const { engine, write } = await openEngine(folder, size);
  const found = await inTurn(
    {
      continuous: timed(() => all(write, work)),
      'static, ended rows run on': timed(() => inBatches(write, asLongAsTheLongest)),
      'static, ended rows leave': timed(() => inBatches(write, (batch) => batch)),
    },
    rounds,
  );
  await engine.stop();
  const statics = ['static, ended rows run on', 'static, ended rows leave'] as const;
  const rates: Record<string, Spread> = {};
  for (const side of ['continuous', ...statics] as const) rates[side] = rateOf(found, side);
  const ratios: Record<string, Spread> = {};
  for (const side of statics) ratios[`continuous / ${side}`] = compared('tokens/s', found, ['continuous', side]);
  const goals = [
    atLeast(1.3, 'G9 eight at once, continuous beside static', ratios['continuous / static, ended rows run on']),
  ];
  const reference = 'the same engine, given eight answers at a time';
  conclude({ name: 'serving-static', reference, ratios, ...{ goals, requests, rates } });
} finally {
  rmSync(folder, { recursive: true });
}
