/**
 * Continuous batching: every step writes one token of every answer in the batch. Between two steps answers leave, and
 * prompts are read, each alone and in pieces, no more tokens than the budget: nobody's answer halts for a stranger's long
 * prompt. Who is next for a free slot, the line knows.
 */
import { levels, Line, type Standing } from '../line.ts';
import type { Session } from '../onnx.ts';
import { contractOf, type Batch, type Contract } from './contract.ts';
import { Constraints } from './grammar/constraint.ts';
import type { TokenBytes } from './grammar/vocabulary.ts';
import { KeyValueCache } from './key-value-cache.ts';
import type { Assignment, DecodingOptions, End, Ended, StepReport, WrittenToken } from './messages.ts';
import { Sequence } from './sequence.ts';
import { Slots } from './slots.ts';

/** What of a session it needs. */
type Runner = Pick<Session, 'loaded' | 'run'>;

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const noNumbers: End = { kind: 'failed', message: 'it gave no finite logits', again: true };

/** An answer that has no slot yet. */
interface Waiting extends Standing {
  readonly sequence: Sequence;
}

/** The answers of one session. */
export class Scheduler {
  readonly #session: Runner;
  readonly #options: DecodingOptions;
  readonly #now: () => number;
  readonly #contract: Contract;
  readonly #cache: KeyValueCache;
  readonly #slots: Slots;
  #constraints: Constraints | undefined;
  readonly #waiting = new Line<Waiting>();
  #tokens: WrittenToken[] = [];
  #ended: Ended[] = [];
  #promptTokens = 0;

  /** `now`: a clock in milliseconds that never goes back. */
  constructor(session: Runner, options: DecodingOptions, now: () => number) {
    this.#session = session;
    this.#options = options;
    this.#now = now;
    this.#contract = contractOf(options.geometry, session.loaded.inputs);
    this.#cache = new KeyValueCache(options.geometry, options.slots, this.#contract.keys);
    this.#slots = new Slots(this.#cache);
  }

  /** Whether there is anything to do. */
  get busy(): boolean {
    return this.#waiting.size > 0 || this.#slots.writing > 0 || this.#slots.joining !== undefined;
  }

  /** Tells what tokens spell, without which no grammar can be kept to. */
  learn(vocabulary: TokenBytes): void {
    this.#constraints = new Constraints(vocabulary, this.#options.geometry.endTokens);
  }

  /** Takes an answer to write. */
  add(assignment: Assignment): void {
    const { grammar, level = levels.usual, patienceMs = Infinity } = assignment;
    const constraints = this.#constraints;
    if (grammar !== undefined && constraints === undefined) throw new TypeError('the vocabulary is not known');
    const since = this.#now();
    const sequence = new Sequence(assignment, grammar && (() => constraints?.begin(grammar)));
    sequence.deadline = since + patienceMs;
    this.#waiting.push({ sequence, since, level });
  }

  /** Gives an answer up at the next step. */
  cancel(id: number): void {
    const waiting = this.#waiting.all.map(({ sequence }) => sequence);
    const all = [...waiting, ...this.#slots.sequences, this.#slots.joining];
    const found = all.find((sequence) => sequence?.assignment.id === id);
    if (found !== undefined) found.cancelled = true;
  }

  /** One token of every answer in the batch, after as much of the prompts as the budget allows. Tells of each answer before it begins. */
  async step(tellBegun: (id: number) => void = () => undefined): Promise<StepReport> {
    this.#reap();
    await this.#read(tellBegun);
    await this.#write();
    const report = {
      tokens: this.#tokens,
      ended: this.#ended,
      promptTokens: this.#promptTokens,
      writing: this.#slots.writing,
      waiting: this.#waiting.size + (this.#slots.joining === undefined ? 0 : 1),
    };
    this.#tokens = [];
    this.#ended = [];
    this.#promptTokens = 0;
    return report;
  }

  #end({ assignment, cachedTokens, waitedMs }: Sequence, end: End): void {
    this.#ended.push({ id: assignment.id, end, cachedTokens, waitedMs });
  }

  /** Lets go of what nobody wants any more. */
  #reap(): void {
    const now = this.#now();
    const ends = (sequence: Sequence): boolean => {
      const end = sequence.unwanted(now);
      if (end !== undefined) this.#end(sequence, end);
      return end !== undefined;
    };
    // What was begun goes first: of the answers to one request the first that ends speaks for all.
    this.#leave((sequence) => sequence.unwanted(now));
    const { joining } = this.#slots;
    if (joining !== undefined && ends(joining)) this.#slots.abandon(joining.spoiled);
    this.#waiting.remove(({ sequence }) => ends(sequence));
  }

  /** Lets sequences leave the batch, the last first, so that those that take their places were looked at already. */
  #leave(endOf: (sequence: Sequence, slot: number) => End | undefined): void {
    const { sequences } = this.#slots;
    for (let slot = sequences.length - 1; slot >= 0; slot -= 1) {
      const sequence = sequences[slot];
      const end = sequence && endOf(sequence, slot);
      if (sequence === undefined || end === undefined) continue;
      this.#slots.leave(slot, end.kind === 'failed');
      this.#end(sequence, end);
    }
  }

  #joinNext(tellBegun: (id: number) => void): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    tellBegun(next.sequence.assignment.id);
    next.sequence.waitedMs = this.#now() - next.since;
    this.#slots.join(next.sequence);
  }

  async #read(tellBegun: (id: number) => void): Promise<void> {
    let budget = this.#options.prefillTokens;
    // A run costs much however few tokens it has: of prompts that are known but for the last, the budget alone has room for many.
    for (let runs = this.#options.slots; runs > 0 && budget > 0; runs -= 1) {
      if (this.#slots.free) this.#joinNext(tellBegun);
      const { joining } = this.#slots;
      if (joining === undefined) return;
      budget -= await this.#readPiece(joining, budget);
    }
  }

  /** Reads a piece of the joining prompt; after its end the first token is chosen. Returns the tokens read. */
  async #readPiece(joining: Sequence, budget: number): Promise<number> {
    const [slot, { prompt }] = [this.#slots.writing, joining.assignment];
    const length = this.#slots.length(slot);
    const tokens = prompt.slice(length, length + budget);
    this.#promptTokens += tokens.length;
    try {
      const [logits] = await this.#run({ first: slot, rows: [{ tokens, length }] });
      this.#slots.append(slot, tokens);
      joining.spoiled ||= logits?.every(Number.isNaN) === true;
      if (length + tokens.length < prompt.length) return tokens.length;
      this.#slots.joined();
      this.#leave((_, index) => (index === slot ? this.#next(joining, logits) : undefined));
    } catch (error) {
      this.#slots.abandon(joining.spoiled);
      this.#end(joining, { kind: 'failed', message: sentence(error) });
    }
    return tokens.length;
  }

  async #write(): Promise<void> {
    const { sequences } = this.#slots;
    if (sequences.length === 0) return;
    this.#slots.fit(1);
    const rows = sequences.map(({ last }, slot) => ({ tokens: [last], length: this.#slots.length(slot) }));
    try {
      const logits = await this.#run({ first: 0, rows });
      for (const [slot, { tokens }] of rows.entries()) this.#slots.append(slot, tokens);
      const ends = sequences.map((sequence, slot) => this.#next(sequence, logits[slot]));
      this.#leave((_, slot) => ends[slot]);
    } catch (error) {
      this.#leave(() => ({ kind: 'failed', message: sentence(error) }));
    }
  }

  /** Chooses a sequence's next token; the end when that was its last. */
  #next(sequence: Sequence, logits: Float32Array | undefined): End | undefined {
    try {
      const token = logits && sequence.choose(logits);
      if (token === undefined) return noNumbers;
      this.#tokens.push(token);
      return sequence.over(this.#options.geometry);
    } catch (error) {
      // What one answer asked for is no other's fault.
      return { kind: 'failed', message: sentence(error) };
    }
  }

  async #run(batch: Batch): Promise<readonly Float32Array[]> {
    const contract = this.#contract;
    const [logits, ...added] = await this.#session.run(contract.inputs(batch, this.#cache), contract.outputs);
    const { vocabulary } = this.#options.geometry;
    if (logits?.shape.at(-1) !== vocabulary)
      throw new TypeError(`the logits have the shape [${logits?.shape.join() ?? ''}], not ${vocabulary} at the end`);
    this.#contract.remember(added, batch, this.#cache);
    return contract.logits(logits, batch);
  }
}
