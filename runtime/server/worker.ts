/**
 * Entry of a worker: owns one session, runs one batch after another, and ends after them when told to close. A thread is never ended from
 * outside while it may be busy: that would abort the whole process.
 */
import { inside } from './isolation/inside.ts';
import { createSession, type Session } from './onnx.ts';
import { transferable, type Command, type Reply, type RunCommand, type SessionOptions } from './worker-protocol.ts';

const starter = await inside();
const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function reply(message: Reply, transfer: ArrayBuffer[] = []): void {
  starter.reply(message, transfer);
}

async function run(session: Session, { inputs, outputs }: RunCommand): Promise<void> {
  const start = performance.now();
  try {
    const results = await session.run(inputs, outputs);
    reply({ kind: 'ran', outputs: results, computeMs: performance.now() - start }, transferable(results));
  } catch (error) {
    reply({ kind: 'failed', message: sentence(error) });
  }
}

try {
  const session = await createSession(starter.data as SessionOptions);
  let lastRun = Promise.resolve();
  starter.onCommand((message) => {
    const command = message as Command;
    if (command.kind === 'run') lastRun = run(session, command);
    else void lastRun.then(() => session.release()).finally(() => starter.close());
  });
  reply({ kind: 'loaded', session: session.loaded });
} catch (error) {
  reply({ kind: 'failed', message: sentence(error) });
  starter.close();
}
