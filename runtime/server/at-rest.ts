/**
 * Gives memory back while the server rests. V8 collects when it runs out of room, which at rest it never does: what a burst or
 * the start has needed it keeps, 20 MB after some thousand requests.
 */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What it sees and does. */
export interface Heap {
  /** Share of the time since the last call in which the main thread was busy, from 0 to 1. */
  readonly busyShare: () => number;
  /** What the heap has of the machine's memory. */
  readonly totalBytes: () => number;
  /** Collects all, and shrinks the heap to what is left; takes some 30 ms. */
  readonly collect: () => void;
}

/** How often to look. */
export const lookMs = 15_000;

/** Probes and metrics alone are a tenth of it. */
const restingShare = 0.01;

/** Less is not worth the pause, which a request that comes just then would wait for. */
const worthwhileBytes = 4 << 20;

/** Collects once for each time that the heap has grown and the thread has come to rest. */
export class AtRest {
  readonly #heap: Heap;
  #leastBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** To be called every `lookMs`. */
  look(): void {
    const isBusy = this.#heap.busyShare() > restingShare;
    if (isBusy || this.#heap.totalBytes() < this.#leastBytes + worthwhileBytes) return;
    this.#heap.collect();
    this.#leastBytes = this.#heap.totalBytes();
  }
}

/**
 * V8 shows the function that collects in contexts that are made while it is told to. Not for longer: compiled code is good for the
 * flags alone with which it was compiled.
 */
function collectorOfV8(): NodeJS.GCFunction {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as NodeJS.GCFunction;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

/** Of the thread that asks. */
export function ownHeap(): Heap {
  const collector = collectorOfV8();
  let since: EventLoopUtilization | undefined;
  return {
    busyShare: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, since);
      since = now;
      return utilization;
    },
    totalBytes: () => process.memoryUsage().heapTotal,
    collect: () => {
      collector({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    },
  };
}
