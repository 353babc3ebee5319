/**
 * Entry of a decoding worker: owns a session and all its answers. Commands are heard between two steps. A thread is never
 * ended from outside while it may be busy: that would abort the whole process.
 */
import { inside } from '../isolation/inside.ts';
import { createSession } from '../onnx.ts';
import { loadedOf, openFastest } from './fastest.ts';
import type { DecodingCommand, DecodingOptions, DecodingReply } from './messages.ts';

const starter = await inside();
const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const reply = (message: DecodingReply): void => starter.reply(message);

try {
  const options = starter.data as DecodingOptions;
  const opened = await openFastest(options, { open: createSession, now: () => performance.now() });
  const { session, scheduler } = opened;
  const tellBegun = (id: number): void => reply({ kind: 'begun', id });
  let running = false;
  let closing = false;
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (scheduler.busy) reply({ kind: 'stepped', report: await scheduler.step(tellBegun) });
    running = false;
    if (closing) void session.release().finally(() => starter.close());
  };
  starter.onCommand((message) => {
    const command = message as DecodingCommand;
    if (command.kind === 'write') for (const assignment of command.assignments) scheduler.add(assignment);
    else if (command.kind === 'cancel') scheduler.cancel(command.id);
    else if (command.kind === 'vocabulary') scheduler.learn(command.vocabulary);
    else closing = true;
    void run();
  });
  const { inputs, outputs } = session.loaded;
  reply({ kind: 'loaded', signature: { inputs, outputs }, ...loadedOf(opened) });
} catch (error) {
  reply({ kind: 'failed', message: sentence(error) });
  starter.close();
}
