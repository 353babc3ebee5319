/** A peer for which nobody waits for ever: what it is told to do ends in time, and so does its own end, or it is given up. */
import { Watchdog } from '../watchdog.ts';
import { startPeer, type Peer, type PeerOptions } from './peer.ts';

/** As it was told to, unasked, or given up since it hung. */
export type PeerEnd = 'closed' | 'died' | 'hung';

/** What the other side does. */
export interface SupervisedEvents<Reply> {
  readonly onReply: (reply: Reply) => void;
  /** Told once, of the last that is heard of it. */
  readonly onEnd: (end: PeerEnd) => void;
}

/** The other side, under supervision. */
export class SupervisedPeer<Command, Reply> {
  readonly #peer: Peer<Command>;
  readonly #onEnd: SupervisedEvents<Reply>['onEnd'];
  readonly #ended = Promise.withResolvers<void>();
  readonly #watchdog = new Watchdog(() => this.#giveUp());
  /** For its end, once it was told to. */
  #endLimitMs: number | undefined;
  #alive = true;

  constructor(options: PeerOptions, { onReply, onEnd }: SupervisedEvents<Reply>) {
    this.#onEnd = onEnd;
    this.#peer = startPeer<Command, Reply>(options, {
      onReply: (reply) => {
        if (this.#alive) onReply(reply);
      },
      onEnd: () => this.#end(this.#endLimitMs === undefined ? 'died' : 'closed'),
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** As to any peer. */
  send(command: Command, gifts?: ArrayBuffer[]): void {
    this.#peer.send(command, gifts);
  }

  /** From now on it has something to do, and tells within so many milliseconds that it goes on, or else hangs. */
  expect(limitMs: number): void {
    if (this.#alive) this.#watchdog.begin(limitMs);
  }

  /** It has nothing to do, but to end where it was told to. */
  expectNothing(): void {
    if (this.#endLimitMs === undefined) this.#watchdog.end();
    else this.expect(this.#endLimitMs);
  }

  /** Gives it its last command, and so many milliseconds to end once nothing else is expected; waits for its end. */
  async close(command: Command, limitMs: number): Promise<void> {
    this.#endLimitMs = limitMs;
    this.send(command);
    await this.#ended.promise;
  }

  /** Ends it in the middle of what it does, where that can be; waits for its end. */
  async kill(): Promise<void> {
    this.#endLimitMs = Infinity;
    this.#peer.kill();
    await this.#ended.promise;
  }

  /** At once, and not when it has ended: a process that hangs in a driver may never. */
  #giveUp(): void {
    this.#peer.kill();
    this.#end('hung');
  }

  #end(end: PeerEnd): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#watchdog.end();
    this.#ended.resolve();
    this.#onEnd(end);
  }
}
