/**
 * Who computes gives way to who listens. A model on all cores would else keep health, metrics and the next requests waiting
 * for their turn of the scheduler, though these take microseconds. Linux has a priority for every thread: the threads that
 * ONNX Runtime makes for a session have that of the thread which opens it, and nothing outside of the process is slowed.
 */
import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';

/** Steps of niceness: a third of the weight of the other threads, while they want the same core. */
const steps = 5;
const leastNice = 19;

/** Lowers the priority of the calling thread, and of those that it makes from now on. Elsewhere than on Linux nothing happens. */
export function giveWay(): void {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, Math.min(leastNice, getPriority(thread) + steps));
  } catch {
    // It is only slower for others.
  }
}
