/** What a model needs of the process's memory, how much of that fits, and the sentences for what does not. Pure. */
import { sum } from './sum.ts';

/** The process itself, before any model: node, ONNX Runtime's library, the server. */
const baseBytes = 96 << 20;

/** While a session is made the file's weights are in memory twice: as they were read, and as the kernels want them. */
const weightsFactor = 2;

/** Keys and values of one answer of a language model, at its full length. */
export interface Slot {
  readonly bytes: number;
  readonly tokens: number;
}

/** What a load asks for: from `least` to `most` sessions, or, where it writes language, one session and so many slots. */
export interface Demand {
  /** Of the model's file and its weights beside it, for each session. */
  readonly fileBytes: number;
  /** Of a session besides, where it is a process. */
  readonly processBytes: number;
  /** Beside its sessions, of a language model: its tokenizer in every thread that has it, and what a run gives back. */
  readonly besideBytes?: number;
  /** Of a language model. */
  readonly slot?: Slot;
  readonly least: number;
  readonly most: number;
}

/** What a model has of the memory, or has set aside. */
export interface Holding {
  readonly sessions: number;
  readonly sessionBytes: number;
  /** Beside that, as long as it is there. */
  readonly besideBytes: number;
  /** Until it is loaded. */
  readonly loadingBytes: number;
  readonly keyValueBytes: number;
}

/** Of a model that is not there. */
export const nothing: Holding = { sessions: 0, sessionBytes: 0, besideBytes: 0, loadingBytes: 0, keyValueBytes: 0 };

/** All of it. */
export function bytesOf({ sessionBytes, besideBytes, loadingBytes, keyValueBytes }: Holding): number {
  return sessionBytes + besideBytes + loadingBytes + keyValueBytes;
}

/** What a model has that got so many sessions, or slots. */
export function holdingOf({ fileBytes, processBytes, besideBytes = 0, slot }: Demand, count: number): Holding {
  const sessions = slot === undefined ? count : 1;
  return {
    sessions,
    sessionBytes: sessions * (fileBytes + processBytes),
    besideBytes,
    loadingBytes: sessions * (weightsFactor - 1) * fileBytes,
    keyValueBytes: slot === undefined ? 0 : count * slot.bytes,
  };
}

/** What one session takes while it is loaded, and what is beside it. */
export function loadBytes(demand: Pick<Demand, 'fileBytes' | 'processBytes' | 'besideBytes'>): number {
  return weightsFactor * demand.fileBytes + demand.processBytes + (demand.besideBytes ?? 0);
}

/** Bytes that models may have of a limit, or of what others leave. */
export function roomOf(limitBytes: number): number {
  return limitBytes - baseBytes;
}

/** What is free while a model is loaded, and what will be once it answers, beside the bodies of requests. */
export interface Free {
  readonly now: number;
  readonly later: number;
}

/** As many sessions, or slots, as fit, at most as many as are wanted. Keys and values are filled only once it answers. */
export function fitting(demand: Demand, { now, later }: Free): number {
  const session = loadBytes(demand);
  if (demand.slot === undefined) return Math.min(demand.most, Math.floor(now / Math.max(1, session)));
  return session > now ? 0 : Math.min(demand.most, Math.floor((later - session) / demand.slot.bytes));
}

/** What another model has. */
export interface Taken {
  readonly name: string;
  readonly bytes: number;
}

/** Most models that a sentence names. */
const mostNamed = 4;

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
const takenBytes = (taken: readonly Taken[]): number => sum(taken.map(({ bytes }) => bytes));

/** The versions of a name together, the largest first, and those that are too many to name as one. */
function named(taken: readonly Taken[]): readonly string[] {
  const byName = [...Map.groupBy(taken, ({ name }) => name)].map(([name, all]) => ({ name, bytes: takenBytes(all) }));
  const largestFirst = byName.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
  const rest = largestFirst.slice(mostNamed);
  const words = largestFirst.slice(0, mostNamed).map(({ name, bytes }) => `'${name}' has ${mebibytes(bytes)}`);
  return rest.length === 0 ? words : [...words, `${rest.length} others have ${mebibytes(takenBytes(rest))}`];
}

/** The memory that a model did not find. */
export interface Crowd {
  readonly limitBytes: number;
  /** Of it, what bodies of requests may take. */
  readonly bodiesBytes: number;
  /** What others have while it is loaded. */
  readonly now: readonly Taken[];
  /** What they will have once it answers. */
  readonly later: readonly Taken[];
}

function weightsFault(demand: Demand, { limitBytes, now }: Crowd): string {
  const sessions = demand.slot === undefined ? demand.least : 1;
  const parts = [
    `${mebibytes(sessions * weightsFactor * demand.fileBytes)} to load its weights`,
    ...(demand.processBytes > 0 ? [`${mebibytes(sessions * demand.processBytes)} for its processes`] : []),
    ...(demand.besideBytes === undefined ? [] : [`${mebibytes(demand.besideBytes)} for its tokenizer and logits`]),
    `${mebibytes(baseBytes)} for the server`,
  ];
  const needed = baseBytes + sessions * loadBytes(demand);
  const others = named(now);
  const taken = others.length === 0 ? '' : `, of which ${others.join(', ')}`;
  return `the model needs ${mebibytes(needed)} (${parts.join(', ')}), the memory limit is ${mebibytes(limitBytes)}${taken}`;
}

function slotFault({ bytes, tokens }: Slot, demand: Demand, { limitBytes, bodiesBytes, later }: Crowd): string {
  const left = Math.max(0, roomOf(limitBytes) - bodiesBytes - takenBytes(later) - loadBytes(demand));
  const others = named(later);
  const taken = others.length === 0 ? '' : ` beside other models (${others.join(', ')})`;
  return (
    `one sequence of ${tokens} tokens needs ${mebibytes(bytes)} for its keys and values; of the memory ` +
    `limit of ${mebibytes(limitBytes)} the weights, the server and ${mebibytes(bodiesBytes)} for the bodies of requests ` +
    `leave ${mebibytes(left)}${taken}`
  );
}

/** Why not even the least of a demand fits: one sentence with the numbers. */
export function faultOf(demand: Demand, crowd: Crowd): string {
  const isLoadable = loadBytes(demand) <= roomOf(crowd.limitBytes) - takenBytes(crowd.now);
  return demand.slot !== undefined && isLoadable ? slotFault(demand.slot, demand, crowd) : weightsFault(demand, crowd);
}
