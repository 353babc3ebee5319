/** The inner side of a session: what it was started with, and the way to whoever started it. */
import { once } from 'node:events';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { giveWay } from './priority.ts';

/** How the inner side speaks and hears. */
export interface Inside {
  /** As the starter gave it; messages have no type of their own. */
  readonly data: unknown;
  /** Buffers in `gifts` may be given away. */
  reply(message: object, gifts?: ArrayBuffer[]): void;
  onCommand(hear: (command: unknown) => void): void;
  /** Says and hears nothing more, so that this side ends. */
  close(): void;
}

const inThread = (port: MessagePort): Inside => ({
  data: workerData,
  reply: (message, gifts = []) => port.postMessage(message, gifts),
  onCommand: (hear) => void port.on('message', hear),
  close: () => port.close(),
});

/** A signal for the whole group, as of Ctrl-C, is for the starter, which then closes its sessions; without it none lives on. */
async function inProcess(): Promise<Inside> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.once('disconnect', () => process.exit());
  const [data] = (await once(process, 'message')) as [unknown];
  return {
    data,
    reply: (message) => void process.send?.(message),
    onCommand: (hear) => void process.on('message', hear),
    close: () => process.disconnect(),
  };
}

/** Of the thread or process that asks. Throws in one that nobody speaks to. */
export function inside(): Inside | Promise<Inside> {
  giveWay();
  if (parentPort !== null) return inThread(parentPort);
  if (process.send === undefined) throw new Error('this is the entry of a thread or a process of the model server');
  return inProcess();
}
