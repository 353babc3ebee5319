/**
 * A language model of ten million parameters: eight answers at once beside one after the other, int8 weights beside float32,
 * streams over HTTP beside the engine without any, and a process of its own beside a thread. Windows alternate; all share the
 * machine's cores.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Isolation } from '../../runtime/server/isolation/peer.ts';
import { spread, start, writeResult, type Server, type Spread } from '../measure.ts';
import { atLeast, tell } from '../goals.ts';
import { openEngine } from './engine.ts';
import { complete, promptOf, rate, trainerImage, work, writeLanguageModels } from './language.ts';
import { untilReady } from './sides.ts';

const rounds = Number(process.env.BENCH_PAIRS ?? 5);
const answersAtOnce = 8;

const over =
  (server: Server, stream: boolean, model = 'writer') =>
  (index: number): Promise<string> =>
    complete(server, [model, promptOf(index)], { maxTokens: work[index]!.maxTokens, stream });

async function serve(folder: string, slots: number, isolation: Isolation): Promise<Server> {
  const server = await start('runtime/server/main.ts', [], {
    ...{ LIMBECK_PORT: '0', LIMBECK_MODELS_DIR: folder, LIMBECK_LOG_LEVEL: 'info', LIMBECK_ACCESS_LOG_SAMPLE: '0' },
    ...{ LIMBECK_SLOTS: String(slots), LIMBECK_ISOLATION: isolation },
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
  const sides: Readonly<Record<string, () => Promise<number>>> = {
    'eight at once': () => rate(answersAtOnce, over(many, false)),
    'one at a time': () => rate(answersAtOnce, over(one, false)),
    'one at a time, int8': () => rate(answersAtOnce, over(one, false, 'light')),
    'eight at once, int8': () => rate(answersAtOnce, over(many, false, 'light')),
    'eight streams': () => rate(answersAtOnce, over(many, true)),
    'eight in process': () => rate(answersAtOnce, (index) => write(promptOf(index), work[index]!.maxTokens)),
    'eight, own process': () => rate(answersAtOnce, over(apart, false)),
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
  const goals = [
    atLeast(3, 'G8 eight at once beside one at a time', ratios['eight at once / one at a time']),
    atLeast(3.5, 'G11 int8 beside float32, one at a time', ratios['one at a time, int8 / one at a time']),
    atLeast(0.9, 'G12 eight streams over HTTP beside the engine', ratios['eight streams / eight in process']),
  ];
  tell(goals);
  const reference = 'the same server otherwise, and its engine without HTTP';
  writeResult({ name: 'serving-decoding', reference, ratios, ...{ goals } });
} finally {
  rmSync(folder, { recursive: true });
}
