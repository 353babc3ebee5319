/**
 * A thread that hangs in native code cannot be ended alone, and Node waits for its threads before it ends. So the server ends
 * as by SIGTERM, for which everybody else gets an answer, and then by SIGKILL, so that its supervisor starts it anew.
 */
import type { Log } from '../../process/logger.ts';

/** What of a process it needs. */
export interface Self {
  readonly kill: (signal: NodeJS.Signals) => unknown;
  /** Runs a callback once, so many milliseconds later. */
  readonly after: (delayMs: number, callback: () => void) => unknown;
}

/** Whether there is one. */
export class StuckThread {
  readonly #self: Self;
  readonly #drainMs: number;
  readonly #log: Log;
  #found = false;

  constructor(self: Self, drainMs: number, log: Log) {
    [this.#self, this.#drainMs, this.#log] = [self, drainMs, log];
  }

  /** There is. */
  found(): void {
    if (this.#found) return;
    this.#found = true;
    this.#log.error('the server ends: a thread that hangs cannot be ended alone');
    // Before the usual end of the time to drain, which would wait for the thread.
    this.#self.after(this.#drainMs * 0.9, () => this.#self.kill('SIGKILL'));
    this.#self.kill('SIGTERM');
  }

  /** What is to be done last: nothing, where there is none. */
  end(): void {
    if (this.#found) this.#self.kill('SIGKILL');
  }
}
