/**
 * Entry of a decoding worker: owns a session and all its answers. Commands are heard between two steps. A thread is never
 * ended from outside while it may be busy: that would abort the whole process.
 */
import { inside } from '../isolation/inside.ts';
import { createSession } from '../onnx.ts';
import type { DecodingCommand, DecodingOptions, DecodingReply } from './messages.ts';
import { greedy } from './sampling.ts';
import { Scheduler } from './scheduler.ts';

const starter = await inside();
const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const reply = (message: DecodingReply): void => starter.reply(message);

/** Writes until nothing is left. Throws what a run failed of. */
async function finish(scheduler: Scheduler): Promise<void> {
  while (scheduler.busy) {
    const { ended } = await scheduler.step();
    for (const { end } of ended) if (end.kind === 'failed') throw new Error(end.message);
  }
}

/** A prompt on an empty cache, one that goes on from it, and a step: every way through the graph before the first caller. */
async function warmUp(scheduler: Scheduler): Promise<void> {
  for (const prompt of [[0], [0, 0]]) {
    scheduler.add({ id: 0, prompt, maxTokens: 2, sampling: greedy, ignoreEnd: true });
    await finish(scheduler);
  }
}

try {
  const options = starter.data as DecodingOptions;
  const session = await createSession(options);
  const scheduler = new Scheduler(session, options, () => performance.now());
  await warmUp(scheduler);
  let running = false;
  let closing = false;
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (scheduler.busy) reply({ kind: 'stepped', report: await scheduler.step() });
    running = false;
    if (closing) void session.release().finally(() => starter.close());
  };
  starter.onCommand((message) => {
    const command = message as DecodingCommand;
    if (command.kind === 'write') scheduler.add(command.assignment);
    else if (command.kind === 'cancel') scheduler.cancel(command.id);
    else if (command.kind === 'vocabulary') scheduler.learn(command.vocabulary);
    else closing = true;
    void run();
  });
  const { inputs, outputs, ...where } = session.loaded;
  reply({ kind: 'loaded', signature: { inputs, outputs }, ...where });
} catch (error) {
  reply({ kind: 'failed', message: sentence(error) });
  starter.close();
}
