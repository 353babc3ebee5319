/** All cases, and which of them a server has to keep: the extensions it announces decide. */
import { documentCases } from './cases-documents.ts';
import { inferenceCases } from './cases-inference.ts';
import { tensorCases } from './cases-tensors.ts';
import type { Case } from './case.ts';
import { run, send } from './exchange.ts';

export const cases: readonly Case[] = [...documentCases, ...tensorCases, ...inferenceCases];

/** What became of one case. */
export interface Outcome {
  readonly name: string;
  readonly result: 'kept' | 'broken' | 'not announced';
  readonly why?: string;
}

/** The extensions that a server announces. */
export async function announced(url: string): Promise<readonly string[]> {
  const { json } = await send(url, { path: '/v2' });
  const extensions = typeof json === 'object' && json !== null && 'extensions' in json ? json.extensions : [];
  return Array.isArray(extensions) ? extensions.map(String) : [];
}

/** Runs every case in order, one after another. */
export async function runAll(url: string, told: (outcome: Outcome) => void): Promise<readonly Outcome[]> {
  const extensions = await announced(url);
  const outcomes: Outcome[] = [];
  for (const found of cases) {
    const applies = found.extension === undefined || extensions.includes(found.extension);
    const why = applies ? await run(url, found) : `the server does not announce ${found.extension ?? ''}`;
    const result = !applies ? 'not announced' : why === undefined ? 'kept' : 'broken';
    const outcome = { name: found.name, result, ...(why !== undefined && { why }) } as const;
    outcomes.push(outcome);
    told(outcome);
  }
  return outcomes;
}
