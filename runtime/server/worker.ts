/**
 * Entry of a worker thread: owns one session, runs one batch at a time, and ends when told to close. It is never ended
 * from outside while it may be busy: that would abort the whole process.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createSession, type Session } from './onnx.ts';
import { transferable, type Command, type Reply, type RunCommand, type SessionOptions } from './worker-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('worker.ts is the entry of a worker thread');

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function reply(message: Reply, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
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
  // The starter of this thread passes SessionOptions; worker data has no type of its own.
  const session = await createSession(workerData as SessionOptions);
  port.on('message', (command: Command) => {
    if (command.kind === 'run') void run(session, command);
    else void session.release().finally(() => port.close());
  });
  reply({ kind: 'loaded', session: session.loaded });
} catch (error) {
  reply({ kind: 'failed', message: sentence(error) });
  port.close();
}
