/**
 * A language model of ten million parameters: eight answers at once beside one after the other, int8 weights beside float32,
 * streams over HTTP beside the engine without any, and a process of its own beside a thread. Prompts and answers are of unequal length, ends are
 * ignored, so that each round writes the same number of tokens. Windows alternate; all share the machine's cores.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../process/clock.ts';
import { createLogger } from '../../process/logger.ts';
import type { Isolation } from '../../runtime/server/isolation/peer.ts';
import { Engine } from '../../runtime/server/engine.ts';
import { greedy } from '../../runtime/server/decoding/sampling.ts';
import { promptTokens, writeText } from '../../runtime/server/decoding/text-writer.ts';
import { folderRepository } from '../../runtime/server/repository.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../test/support/echo-artefact.ts';
import { spread, start, writeResult, type Server, type Spread } from '../measure.ts';
import { untilReady } from './sides.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const answersAtOnce = 8;
const answers = 16;

/** Ragged: prompts of 16 to 256 tokens, answers of 24 to 96. */
const work = Array.from({ length: answers }, (_, index) => ({
  promptTokens: 16 + ((index * 97) % 241),
  maxTokens: 24 + ((index * 31) % 73),
}));
let asked = 0;
/** No two begin alike, so that nothing is known from an earlier one. */
const promptOf = (index: number): string => `${String((asked += 1))} `.padEnd(work[index]!.promptTokens, 'x');
const tokensOfRound = work.reduce((sum, { maxTokens }) => sum + maxTokens, 0);

/** In float32 (`writer`) and with int8 weights (`light`). */
function writeModels(folder: string): void {
  const script = ['cluster/cluster', 'trainer-run', '--', 'python3', '/src/bench/serving/decoder.py'];
  const said = execFileSync('bash', script, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const line = said.split('\n').find((one) => one.startsWith('{')) ?? '{}';
  const models = JSON.parse(line) as Readonly<Record<string, { readonly model: string; readonly manifest: object }>>;
  for (const [name, { model, manifest }] of Object.entries(models)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model.onnx'), Buffer.from(model, 'base64'));
    writeFileSync(join(folder, name, 'manifest.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, name, 'tokenizer.json'), JSON.stringify(echoTokenizer));
    writeFileSync(join(folder, name, 'tokenizer_config.json'), JSON.stringify(echoTokenizerConfig));
  }
}

/** Tokens a second, where so many callers take one answer after the other. */
async function rate(callers: number, write: (index: number) => Promise<void>): Promise<number> {
  let next = 0;
  const began = performance.now();
  const caller = async (): Promise<void> => {
    for (let index = next++; index < work.length; index = next++) await write(index);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (1000 * tokensOfRound) / (performance.now() - began);
}

const complete =
  ({ port }: Server, stream: boolean, model = 'writer') =>
  async (index: number): Promise<void> => {
    const { maxTokens } = work[index]!;
    const answer = { max_tokens: maxTokens, temperature: 0, ignore_eos: true, stream };
    const body = JSON.stringify({ model, prompt: promptOf(index), ...answer });
    const response = await fetch(`http://127.0.0.1:${String(port)}/v1/completions`, { method: 'POST', body });
    const text = await response.text();
    if (response.status !== 200 || (stream && !text.endsWith('data: [DONE]\n\n'))) throw new Error(text.slice(-300));
  };

async function serve(folder: string, slots: number, isolation: Isolation): Promise<Server> {
  const server = await start('runtime/server/main.ts', [], {
    ...{ LIMBECK_PORT: '0', LIMBECK_MODELS_DIR: folder, LIMBECK_LOG_LEVEL: 'info', LIMBECK_ACCESS_LOG_SAMPLE: '0' },
    ...{ LIMBECK_SLOTS: String(slots), LIMBECK_ISOLATION: isolation },
  });
  await untilReady(`http://127.0.0.1:${String(server.port)}/v2/health/ready`);
  return server;
}

/** The engine in this process: no HTTP, no JSON. */
async function openEngine(folder: string) {
  const engine = new Engine(folderRepository(folder), {
    ...{ modelControl: 'none', cpus: 1, providers: ['cpu'], isolation: 'thread', maxBatch: 32, queueLimit: 1000 },
    ...{ slots: answersAtOnce, prefillTokens: 256, memoryBytes: 2 ** 34, log: createLogger('bench', 'error') },
    ...{ now: () => performance.now(), random: Math.random },
    after: (delayMs, callback) => systemClock.after(delayMs, callback),
  });
  await engine.start();
  while (engine.notReady !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  const { language } = engine.find('writer');
  if (language === undefined) throw new Error('it is no language model');
  const write = async (index: number): Promise<void> => {
    const prompt = promptTokens(language, promptOf(index), { parameter: 'prompt', special: true });
    const { maxTokens } = work[index]!;
    const request = { prompt, maxTokens, sampling: greedy, stops: [], ignoreEnd: true };
    let isWhole = false;
    for await (const { kind } of writeText(language, request, { signal: never })) isWhole = kind === 'end';
    if (!isWhole) throw new Error('an answer without an end');
  };
  return { engine, write };
}

const never = new AbortController().signal;

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeModels(folder);
  const [many, one, apart] = [
    await serve(folder, answersAtOnce, 'thread'),
    await serve(folder, 1, 'thread'),
    await serve(folder, answersAtOnce, 'process'),
  ];
  const { engine, write } = await openEngine(folder);
  const sides: Readonly<Record<string, () => Promise<number>>> = {
    'eight at once': () => rate(answersAtOnce, complete(many, false)),
    'one at a time': () => rate(answersAtOnce, complete(one, false)),
    'one at a time, int8': () => rate(answersAtOnce, complete(one, false, 'light')),
    'eight at once, int8': () => rate(answersAtOnce, complete(many, false, 'light')),
    'eight streams': () => rate(answersAtOnce, complete(many, true)),
    'eight in process': () => rate(answersAtOnce, write),
    'eight, own process': () => rate(answersAtOnce, complete(apart, false)),
  };
  const found: Record<string, number>[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const rates: Record<string, number> = {};
    for (const [name, measure] of Object.entries(sides)) rates[name] = await measure();
    if (round > 0) found.push(rates);
  }
  for (const { child } of [many, one, apart]) child.kill('SIGTERM');
  await engine.stop();
  const pairings = [
    ['eight at once', 'one at a time'],
    ['one at a time, int8', 'one at a time'],
    ['eight at once, int8', 'eight at once'],
    ['eight at once, int8', 'one at a time, int8'],
    ['eight streams', 'eight in process'],
    ['eight, own process', 'eight at once'],
  ] as const;
  const ratios: Record<string, Spread> = {};
  for (const [side, other] of pairings) {
    const ratio = spread(found.map((rates) => (rates[side] ?? 0) / (rates[other] ?? 1)));
    ratios[`${side} / ${other}`] = ratio;
    const [mine, theirs] = [side, other].map((name) => spread(found.map((rates) => rates[name] ?? 0)).median);
    console.log(
      `${side} / ${other}: ${String(ratio.median)} (${String(ratio.low)}..${String(ratio.high)}); tokens/s ${String(mine)} / ${String(theirs)}`,
    );
  }
  writeResult({
    name: 'serving-decoding',
    reference: 'the same server otherwise, and its engine without HTTP',
    ratios,
  });
} finally {
  rmSync(folder, { recursive: true });
}
