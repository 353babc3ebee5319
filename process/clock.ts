/** Time as an argument: the wall clock for what people read, a monotonic one for deadlines, and timers. */

export interface Clock {
  /** Wall time, for timestamps that leave the process. */
  now(): Date;
  /** Milliseconds that never go backwards, for measuring and expiry. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`; the result cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** A timer of the runtime that is to run for longer fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    let cancel: () => void;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, longestTimerMs);
      const timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : callback()), stepMs);
      timer.unref();
      cancel = () => clearTimeout(timer);
    };
    // What is due already is so by a little: time went on while it was worked out.
    wait(Math.max(0, delayMs));
    return () => cancel();
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts: the caller looks at the signal next. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(delayMs, wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}
