/** The engine over a folder of models, in the bench's own process: no HTTP, no JSON. */
import { systemClock } from '../../process/clock.ts';
import { createLogger } from '../../process/logger.ts';
import { greedy } from '../../runtime/server/decoding/sampling.ts';
import { promptTokens, writeText } from '../../runtime/server/decoding/text-writer.ts';
import { Engine } from '../../runtime/server/engine.ts';
import { folderRepository } from '../../runtime/server/repository.ts';

const never = new AbortController().signal;

/** Opens it with so many slots. `write`: one answer of `writer`, which throws when it is not whole. */
export async function openEngine(folder: string, slots: number) {
  const engine = new Engine(folderRepository(folder), {
    ...{ modelControl: 'none', cpus: 1, providers: ['cpu'], isolation: 'thread', maxBatch: 32, queueLimit: 1000 },
    ...{ slots, prefillTokens: 256, memoryBytes: 2 ** 34, log: createLogger('bench', 'error') },
    ...{ now: () => performance.now(), random: Math.random },
    after: (delayMs, callback) => systemClock.after(delayMs, callback),
  });
  await engine.start();
  while (engine.notReady !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  const { language } = engine.find('writer');
  if (language === undefined) throw new Error('it is no language model');
  const write = async (text: string, maxTokens: number): Promise<void> => {
    const prompt = await promptTokens(language, text, { parameter: 'prompt', special: true, goesOn: () => undefined });
    const request = { prompt, maxTokens, sampling: greedy, stops: [], ignoreEnd: true };
    let isWhole = false;
    for await (const { kind } of writeText(language, request, { signal: never })) isWhole = kind === 'end';
    if (!isWhole) throw new Error('an answer without an end');
  };
  return { engine, write };
}
