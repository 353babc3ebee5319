/** How many sessions a model has in a process, and how many threads each: as asked, or from the CPUs there are. Pure. */

/** What the process may use, and what it was asked to do; what is undefined follows from the rest. */
export interface Means {
  /** Whole CPUs: the container's limit where there is one, otherwise those of the machine. */
  readonly cpus: number;
  /** Memory of the process: a model that needs more than others leave of it is refused before it is loaded. */
  readonly memoryBytes: number;
  readonly instances?: number | undefined;
  readonly intraOpThreads?: number | undefined;
}

/** Of one model. */
export interface Parallelism {
  /** Sessions, which run batches beside each other. */
  readonly instances: number;
  /** Threads of ONNX Runtime within one run of a session. */
  readonly intraOpThreads: number;
}

/** More threads than this in one run wait for each other more than they gain: another session takes the next ones. */
const mostThreads = 8;

/** Models of fewer bytes run so briefly that a second thread costs more than it does. */
const smallBytes = 1 << 20;

/** A model as far as it matters here. */
export interface Weight {
  /** Of graph and weights. */
  readonly bytes: number;
  /** Whether it has one session alone: it writes language. */
  readonly single: boolean;
}

/** Unasked, sessions beyond the first take half of the memory at most: what they compute needs the rest. */
const fitting = ({ cpus, memoryBytes }: Means, { bytes }: Weight): number =>
  Math.max(1, Math.min(Math.ceil(cpus / mostThreads), Math.floor(memoryBytes / 2 / Math.max(1, bytes))));

/** How a model runs. */
export function parallelismOf(means: Means, model: Weight): Parallelism {
  const instances = model.single ? 1 : (means.instances ?? fitting(means, model));
  const share = Math.max(1, Math.min(mostThreads, Math.floor(means.cpus / instances)));
  return { instances, intraOpThreads: means.intraOpThreads ?? (model.bytes < smallBytes ? 1 : share) };
}
