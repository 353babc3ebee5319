import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SupervisedPeer, type PeerEnd } from '../../../../runtime/server/isolation/supervised.ts';
import { until } from '../../../support/model-server.ts';
import { WorkerWatch } from '../../../support/worker-threads.ts';

/** Does what it is told; `loop` takes for ever. */
const program = `import { parentPort } from 'node:worker_threads';
parentPort.on('message', (command) => {
  if (command === 'loop') for (;;);
  if (command === 'exit') process.exit();
  if (command === 'close') parentPort.close();
  else parentPort.postMessage(command);
});`;

type Command = 'say' | 'loop' | 'exit' | 'close';

let watch: WorkerWatch;
let peer: SupervisedPeer<Command, Command>;
let said: Command[];
let ends: PeerEnd[];

beforeEach(() => {
  watch = new WorkerWatch();
  [said, ends] = [[], []];
  const entry = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  peer = new SupervisedPeer<Command, Command>(
    { entry, data: {}, isolation: 'thread', killable: true },
    { onReply: (reply) => said.push(reply), onEnd: (end) => ends.push(end) },
  );
});

afterEach(async () => {
  await watch.killAll();
  watch.stop();
});

const isGone = (): boolean => [...watch.seen].every(({ threadId }) => threadId === -1);

test('a peer that is closed does first what it was told before', async () => {
  peer.send('say');
  peer.expect(1e6);
  await peer.close('close', 1e6);
  expect([said, ends, peer.alive]).toEqual([['say'], ['closed'], false]);
});

test('one that ends unasked has died', async () => {
  peer.send('exit');
  await until(() => ends.length > 0);
  expect([ends, peer.alive]).toEqual([['died'], false]);
});

test('one that does not tell in time hangs, and is ended; its end is told once', async () => {
  peer.send('loop');
  peer.expect(0);
  await until(() => ends.length > 0);
  await until(isGone);
  expect([ends, peer.alive]).toEqual([['hung'], false]);
});

test('so is one that does not end in time when it is closed', async () => {
  peer.send('loop');
  const closed = peer.close('close', 0);
  peer.expectNothing();
  await closed;
  await until(isGone);
  expect(ends).toEqual(['hung']);
});

test('one that is killed in the middle of something was closed', async () => {
  peer.send('loop');
  await peer.kill();
  expect([ends, isGone()]).toEqual([['closed'], true]);
});
