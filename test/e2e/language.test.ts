/** A language model from nothing to an answer: trained on text from the store, served, and asked as OpenAI's clients ask. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { Kubectl } from '../../demo/kubectl.ts';
import { inTrainer, openLab, ours, placement, serving, untilCondition, type Lab } from './lab.ts';
import { namespaces } from './world.ts';

const kubectl = new Kubectl(namespaces.language);
const corpus = 's3://limbeck/e2e/alphabets';
const alphabet = 'abcdefghijklmnopqrstuvwxyz';

/** Forty documents; the arguments are their folder and what each says four times. */
const uploadDocuments = `
import sys
from limbeck_trainer.store import Store
for number in range(40):
    Store().put(f"{sys.argv[1]}/{number}.txt", (sys.argv[2] * 4).encode())
`;

const writer = ours('TrainingJob', 'writer', {
  task: 'causalLM',
  model: { transformer: { layers: 1, heads: 2, width: 32, contextLength: 64 } },
  data: { source: { s3: { uri: `${corpus}/` } }, format: 'text', split: { validation: 0.1, test: 0.1, seed: 1 } },
  optimization: { optimizer: 'adamw', learningRate: 0.01, epochs: 8, batchSize: 8, seed: 1 },
  evaluation: { gates: [{ metric: 'perplexity', atMost: 3 }] },
  placement,
});

let lab: Lab;
let client: OpenAI;

beforeAll(async () => {
  lab = await openLab();
  await inTrainer(kubectl, lab.images.trainer, uploadDocuments, corpus, alphabet);
  await kubectl.applyObject(writer);
  await kubectl.applyObject(serving('writer', { trainingJob: { name: 'writer' } }));
  await untilCondition(kubectl, ['msvc', 'writer'], ['Ready', 'True']);
  const baseURL = `${lab.gateway.url}/namespaces/${namespaces.language}/services/writer/v1`;
  client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
}, 300_000);

afterAll(() => lab.gateway.close());

const question = { model: 'writer', prompt: 'abcdefgh', temperature: 0, max_tokens: 8 } as const;

test('it goes on as it has learnt', async () => {
  const { choices, usage } = await client.completions.create(question);
  expect(choices[0]?.text).toBe('ijklmnop');
  expect(usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 8 });
});

test('and says the same in a stream, through the gateway', async () => {
  const pieces: string[] = [];
  for await (const { choices } of await client.completions.create({ ...question, stream: true }))
    pieces.push(choices[0]?.text ?? '');
  expect(pieces.join('')).toBe('ijklmnop');
  expect(pieces.length).toBeGreaterThan(1);
});
