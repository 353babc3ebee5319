/**
 * The work of a bench of language models: prompts and answers of unequal length, ends ignored, so that each round writes the
 * same number of tokens; and the models, written for the occasion by the trainer's own export.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { echoTokenizer, echoTokenizerConfig } from '../../test/support/echo-artefact.ts';
import type { Server } from '../measure.ts';

/** One answer to write. */
export interface Answer {
  readonly promptTokens: number;
  readonly maxTokens: number;
}

/** Ragged, and two thirds of it prompts: of 16 to 256 tokens, with answers of 24 to 96. Half of the time not all places are taken. */
export const longPrompts: readonly Answer[] = Array.from({ length: 16 }, (_, index) => ({
  promptTokens: 16 + ((index * 97) % 241),
  maxTokens: 24 + ((index * 31) % 73),
}));

/** Ragged, and most of it answers, of 16 to 122 tokens, after prompts of 8 to 63. */
export const shortPrompts = (count = 32): readonly Answer[] =>
  Array.from({ length: count }, (_, index) => ({
    promptTokens: 8 + ((index * 37) % 56),
    maxTokens: 16 + ((index * 80 + 53) % 107),
  }));

export const tokensOf = (answers: readonly Answer[]): number =>
  answers.reduce((sum, { maxTokens }) => sum + maxTokens, 0);

let asked = 0;

/** So many tokens. No two begin alike, so that nothing is known from an earlier one. */
export const newPrompt = (tokens: number): string => `${String((asked += 1))} `.padEnd(tokens, 'x');

/** The shape of a decoder, as decoder.py takes it; without one, ten million parameters. */
export interface DecoderShape {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly contextLength: number;
}

/** What runs Python with the trainer's packages, and where it sees this repository. */
export interface Python {
  readonly command: readonly [string, ...string[]];
  readonly repository: string;
}

export const trainerImage: Python = {
  command: ['bash', 'cluster/cluster', 'trainer-run', '--', 'python3'],
  repository: '/src',
};

/** A model in float32, the same with int8 weights, and in float32 as common exporters write it, which tells no manifest. */
export type LanguageModelName = 'writer' | 'light' | 'concat';

/** Writes models of the same weights into a folder as our server reads it. */
export function writeLanguageModels(
  folder: string,
  python: Python,
  names: readonly LanguageModelName[],
  shape?: DecoderShape,
): void {
  const [file, ...args] = python.command;
  const script = `${python.repository}/bench/serving/decoder.py`;
  const sizes = shape && [shape.layers, shape.heads, shape.width, shape.contextLength].map(String);
  const said = execFileSync(file, [...args, script, names.join(), ...(sizes ?? [])], {
    encoding: 'utf8',
    maxBuffer: 2 ** 29,
  });
  const line = said.split('\n').find((one) => one.startsWith('{')) ?? '{}';
  const models = JSON.parse(line) as Readonly<Record<string, { readonly model: string; readonly manifest?: object }>>;
  for (const [name, { model, manifest }] of Object.entries(models)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model.onnx'), Buffer.from(model, 'base64'));
    if (manifest !== undefined) writeFileSync(join(folder, name, 'manifest.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, name, 'tokenizer.json'), JSON.stringify(echoTokenizer));
    writeFileSync(join(folder, name, 'tokenizer_config.json'), JSON.stringify(echoTokenizerConfig));
  }
}

/** Tokens a second, where so many callers take one answer after the other. */
export async function rate(
  callers: number,
  write: (answer: Answer) => Promise<unknown>,
  answers = longPrompts,
): Promise<number> {
  const waiting = answers.values();
  const began = performance.now();
  const caller = async (): Promise<void> => {
    for (const answer of waiting) await write(answer);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (1000 * tokensOf(answers)) / (performance.now() - began);
}

/** Asks a server for one answer over HTTP; throws when it is not whole. */
export async function complete(
  { port }: Server,
  [model, prompt]: readonly [string, string],
  { maxTokens, stream }: { readonly maxTokens: number; readonly stream: boolean },
): Promise<string> {
  const answer = { max_tokens: maxTokens, temperature: 0, ignore_eos: true, stream };
  const body = JSON.stringify({ model, prompt, ...answer });
  const response = await fetch(`http://127.0.0.1:${String(port)}/v1/completions`, { method: 'POST', body });
  const text = await response.text();
  if (response.status !== 200 || (stream && !text.endsWith('data: [DONE]\n\n'))) throw new Error(text.slice(-300));
  return text;
}
