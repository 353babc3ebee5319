/**
 * A language model of ten million parameters: eight answers at once beside one after the other (of short prompts, as the goal
 * has it, and of long ones, which take as long together as one after the other), int8 weights beside float32,
 * streams over HTTP beside the engine without any, and a process of its own beside a thread. Windows alternate; all share the
 * machine's cores.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Isolation } from '../../runtime/server/isolation/peer.ts';
import { atLeast, conclude } from '../goals.ts';
import { start, type Server, type Spread } from '../measure.ts';
import { compared, inTurn } from '../rounds.ts';
import { openEngine } from './engine.ts';
import { complete, newPrompt, rate, shortPrompts, trainerImage, writeLanguageModels, type Answer } from './language.ts';
import { threads, untilReady } from './sides.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const answersAtOnce = 8;

const over =
  (server: Server, stream: boolean, model = 'writer') =>
  ({ promptTokens, maxTokens }: Answer): Promise<string> =>
    complete(server, [model, newPrompt(promptTokens)], { maxTokens, stream });

async function serve(folder: string, slots: number, isolation: Isolation): Promise<Server> {
  const server = await start('runtime/server/main.ts', [], {
    ...{ LIMBECK_PORT: '0', LIMBECK_MODELS_DIR: folder, LIMBECK_LOG_LEVEL: 'info', LIMBECK_ACCESS_LOG_SAMPLE: '0' },
    ...{ LIMBECK_SLOTS: String(slots), LIMBECK_ISOLATION: isolation, LIMBECK_INTRA_OP_THREADS: threads },
  });
  await untilReady(`http://127.0.0.1:${String(server.port)}/v2/health/ready`);
  return server;
}

const folder = mkdtempSync(join(tmpdir(), 'limbeck-bench-'));
try {
  writeLanguageModels(folder, trainerImage, ['writer', 'light']);
  const [many, one, apart] = [
    await serve(folder, answersAtOnce, 'thread'),
    await serve(folder, 1, 'thread'),
    await serve(folder, answersAtOnce, 'process'),
  ];
  const { engine, write } = await openEngine(folder, answersAtOnce);
  const sides = {
    'eight at once, short prompts': () => rate(answersAtOnce, over(many, false), shortPrompts()),
    'one at a time, short prompts': () => rate(answersAtOnce, over(one, false), shortPrompts()),
    'eight at once': () => rate(answersAtOnce, over(many, false)),
    'one at a time': () => rate(answersAtOnce, over(one, false)),
    'one at a time, int8': () => rate(answersAtOnce, over(one, false, 'light')),
    'eight at once, int8': () => rate(answersAtOnce, over(many, false, 'light')),
    'eight streams': () => rate(answersAtOnce, over(many, true)),
    'eight in process': () => rate(answersAtOnce, (answer) => write(newPrompt(answer.promptTokens), answer.maxTokens)),
    'eight, own process': () => rate(answersAtOnce, over(apart, false)),
  };
  const found = await inTurn(sides, rounds);
  for (const { child } of [many, one, apart]) child.kill('SIGTERM');
  await engine.stop();
  const pairings = [
    ['eight at once, short prompts', 'one at a time, short prompts'],
    ['eight at once', 'one at a time'],
    ['one at a time, int8', 'one at a time'],
    ['eight at once, int8', 'eight at once'],
    ['eight at once, int8', 'one at a time, int8'],
    ['eight streams', 'eight in process'],
    ['eight, own process', 'eight at once'],
  ] as const;
  const ratios: Record<string, Spread> = {};
  for (const pairing of pairings) ratios[pairing.join(' / ')] = compared('tokens/s', found, pairing);
  const goals = [
    atLeast(
      3,
      'G8 eight at once beside one at a time',
      ratios['eight at once, short prompts / one at a time, short prompts'],
    ),
    atLeast(3.5, 'G11 int8 beside float32, one at a time', ratios['one at a time, int8 / one at a time']),
    atLeast(0.9, 'G12 eight streams over HTTP beside the engine', ratios['eight streams / eight in process']),
  ];
  const reference = 'the same server otherwise, and its engine without HTTP';
  conclude({ name: 'serving-decoding', reference, ratios, goals });
} finally {
  rmSync(folder, { recursive: true });
}
