/**
 * Which texts a grammar allows, byte by byte. A state is an immutable value, the set of all that a text may be the beginning
 * of; states that were met are remembered with what follows them.
 */
import { Frames, type Frame } from './frame.ts';
import { readingLimit, type Grammar } from './grammar.ts';
import { numberEnds } from './number-text.ts';
import { prepared } from './object-names.ts';
import { Steps } from './step.ts';
import { plain } from './string-text.ts';

/** All that a text may be the beginning of. */
export interface State {
  readonly frames: readonly Frame[];
  /** By byte; null where it cannot follow. */
  readonly known: Map<number, State | null>;
}

/** States and frames that are remembered: some megabytes. */
const stateLimit = 4096;
const frameLimit = 16_384;

/** Readings that may be looked at and made for one token: a fraction of a second, for which all other answers wait. */
const usualWorkLimit = 1 << 19;

/** A text that its grammar lets be read in too many ways. It ends that answer alone. */
export class TooManyReadings extends Error {
  constructor(limit: number) {
    super(`its texts can be read in too many ways: more than ${limit} for one token`);
  }
}

function ended({ place, then }: Frame): boolean {
  if (place.kind === 'done') return true;
  return place.kind === 'number' && numberEnds(place.at) && then?.place.kind === 'done';
}

/** Whether the text may end here. */
export function complete({ frames }: State): boolean {
  return frames.some(ended);
}

/** Whether nothing may follow. */
export function finished({ frames }: State): boolean {
  return frames.every(({ place }) => place.kind === 'done');
}

/** Whether the text is between two characters of a string whose content is free. */
export function isFreeString({ frames }: State): boolean {
  return frames.every(({ place }) => {
    if (place.kind === 'string') return place.at === plain;
    return place.kind === 'name' && place.at === plain && place.named < 0;
  });
}

/** The automaton of one grammar. */
export class Automaton {
  readonly #frames = new Frames();
  readonly #steps: Steps;
  readonly #states = new Map<string, State>();
  readonly #workLimit: number;
  #workLeft: number;
  /** Before the first byte. */
  readonly start: State;

  constructor(grammar: Grammar, workLimit = usualWorkLimit) {
    this.#workLimit = workLimit;
    this.#workLeft = workLimit;
    this.#steps = new Steps(prepared(grammar), this.#frames);
    const done = this.#frames.make({ kind: 'done' }, undefined);
    this.start = this.#state([this.#frames.make({ kind: 'value', node: grammar.root, blanks: 0 }, done)]);
  }

  /** Begins with another token, which may take as much work as the one before. */
  renew(): void {
    this.#workLeft = this.#workLimit;
  }

  /** The state after one more byte; undefined where it cannot follow. Throws where that has taken too much. */
  step(state: State, byte: number): State | undefined {
    const known = state.known.get(byte);
    if (known !== undefined) return known ?? undefined;
    const frames = this.#readings(state, byte);
    const next = frames.length === 0 ? null : this.#state(frames);
    state.known.set(byte, next);
    return next ?? undefined;
  }

  /** The state after a text; undefined where it cannot follow. */
  accepts(state: State, bytes: Iterable<number>): State | undefined {
    let at: State | undefined = state;
    for (const byte of bytes) {
      at = this.step(at, byte);
      if (at === undefined) return undefined;
    }
    return at;
  }

  #readings({ frames }: State, byte: number): readonly Frame[] {
    const found = new Set<Frame>();
    for (const frame of frames) {
      const next = this.#steps.step(frame, byte);
      this.#workLeft -= 1 + next.length;
      if (this.#workLeft < 0) throw new TooManyReadings(this.#workLimit);
      for (const each of next) found.add(each);
      if (found.size >= readingLimit) break;
    }
    return [...found].slice(0, readingLimit);
  }

  #state(frames: readonly Frame[]): State {
    const key = frames
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= stateLimit || this.#frames.count >= frameLimit) this.#forget();
    const state = { frames, known: new Map<number, State | null>() };
    this.#states.set(key, state);
    return state;
  }

  /** States that are in use stay good; they only no longer know what follows. */
  #forget(): void {
    for (const { known } of this.#states.values()) known.clear();
    this.#states.clear();
    this.#frames.forget();
  }
}
