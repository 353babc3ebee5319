/**
 * Where a session lives, and how it is spoken to from outside: in a thread of this process, or in a process of its own,
 * which may abort in native code and takes nobody with it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** `thread`: fast, and one life for all. `process`: tensors are copied to and fro, and some 10 MB more for each session. */
export type Isolation = 'thread' | 'process';

/** What may be asked for; `auto` is a process where one that aborts could take other models along. */
export const isolationChoices = ['auto', 'thread', 'process'] as const;

/** What a session takes besides its model, as measured: a process has a heap of its own. What a thread has is the server's. */
export const sessionBytes: Readonly<Record<Isolation, number>> = { thread: 0, process: 32 << 20 };

/** What is started, and what it is told first. */
export interface PeerOptions {
  readonly entry: URL;
  /** Of the other side's `inside`. */
  readonly data: object;
  readonly isolation: Isolation;
  /** Of a process, for whoever lists them: the file of the model. */
  readonly title?: string;
  /** Whether a thread may be killed, since it is never in native code. */
  readonly killable?: boolean;
}

/** A program beside the file that starts it: as TypeScript in the repository, as a bundle in the image. */
export function entryBeside(starter: string, source: string, bundle: string): URL {
  return new URL(starter.endsWith('.ts') ? source : bundle, starter);
}

/** What the other side does. Nothing comes after its end. */
export interface PeerEvents<Reply> {
  readonly onReply: (reply: Reply) => void;
  readonly onEnd: () => void;
}

/** The other side. */
export interface Peer<Command> {
  /** Buffers in `gifts` may be given away. One that has ended hears nothing. Throws where the command cannot travel. */
  send(command: Command, gifts?: ArrayBuffer[]): void;
  /** Ends it whatever it does, if that can be: a thread that is busy in native code would take this process along. */
  kill(): void;
}

function startThread<Command, Reply>(
  { entry, data, killable = false }: PeerOptions,
  { onReply, onEnd }: PeerEvents<Reply>,
): Peer<Command> {
  const worker = new Worker(entry, { workerData: data });
  worker.on('message', onReply);
  // Without a listener an uncaught error of the thread would end the process; `exit` follows and does the rest.
  worker.on('error', () => undefined);
  worker.once('exit', onEnd);
  return {
    send: (command, gifts = []) => worker.postMessage(command, gifts),
    kill: () => {
      if (killable) void worker.terminate();
    },
  };
}

/** Those that run. They end when they hear that this process has; one that stands still or runs for ever hears nothing. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function startProcess<Command, Reply>(
  { entry, data, title = '' }: PeerOptions,
  { onReply, onEnd }: PeerEvents<Reply>,
): Peer<Command> {
  const child = fork(fileURLToPath(entry), [title], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.on('message', (reply) => onReply(reply as Reply));
  // One that could not be started says so here alone; whatever else there is to say, its end does the rest.
  child.on('error', () => {
    if (child.pid === undefined) onEnd();
  });
  // Its last words may still be on the way when it has ended.
  child.once('exit', () => (child.connected ? child.once('disconnect', onEnd) : onEnd()));
  const send = (message: unknown): void => {
    if (child.connected) child.send(message as object, () => undefined);
  };
  send(data);
  return { send, kill: () => void child.kill('SIGKILL') };
}

/** Starts the other side. */
export function startPeer<Command, Reply>(options: PeerOptions, events: PeerEvents<Reply>): Peer<Command> {
  return (options.isolation === 'process' ? startProcess : startThread)<Command, Reply>(options, events);
}
