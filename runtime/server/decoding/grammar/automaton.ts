/**
 * Which texts a grammar allows, byte by byte. A state is an immutable value, the set of all that a text may be the beginning
 * of; states that were met are remembered with what follows them.
 */
import { Frames, type Frame } from './frame.ts';
import { readingLimit, type Grammar } from './grammar.ts';
import { numberEnds } from './number-text.ts';
import { prepared } from './object-names.ts';
import { Steps, type Within } from './step.ts';
import { inString, plain } from './string-text.ts';

/** All that a text may be the beginning of. */
export interface State {
  readonly frames: readonly Frame[];
  /** By byte; null where it cannot follow. */
  readonly known: Map<number, State | null>;
  /** Within a string, by the place in it to which a byte leads that is none of its own. */
  readonly alike: Map<number, State | null>;
  /** Where it is within a string; undefined is not looked at yet, null is nowhere. */
  within: Within | null | undefined;
  /** How many readings were followed when it was made: what is known of it holds for as many. */
  readonly readings: number;
}

/** States and frames that are remembered: some megabytes. */
const stateLimit = 4096;
const frameLimit = 16_384;

/**
 * Readings that may be looked at and made before a token: most of them at once, which takes a fraction of a second, for which
 * all other answers wait, and what each token adds to what is left of those.
 */
const usualWork = { most: 1 << 19, added: 1 << 16 } as const;

/** What is left of the readings when they are too many. */
const keptShare = 1 / 4;

/** Looking ahead has taken too much. */
const tooMuch = new Error('too many readings');

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

/** How much work looking ahead may be. */
export type Work = Readonly<Record<keyof typeof usualWork, number>>;

/** The automaton of one grammar. */
export class Automaton {
  readonly #frames = new Frames();
  readonly #steps: Steps;
  readonly #states = new Map<string, State>();
  readonly #work: Work;
  #saved: number;
  #workLeft = Number.POSITIVE_INFINITY;
  #readings: number = readingLimit;
  /** Before the first byte. */
  readonly start: State;

  constructor(grammar: Grammar, work: Work = usualWork) {
    this.#work = work;
    this.#saved = work.most;
    this.#steps = new Steps(prepared(grammar), this.#frames);
    const done = this.#frames.make({ kind: 'done' }, undefined);
    this.start = this.#state([this.#frames.make({ kind: 'value', node: grammar.root, blanks: 0 }, done)]);
  }

  /**
   * What is found by looking ahead from a state, and the state from which that was. Where it takes too much work, most of the
   * readings are given up, here and from then on: what is left is a smaller language, each text of which is still allowed.
   */
  ahead<T>(state: State, look: (from: State) => T): readonly [found: T, from: State] {
    this.#saved = Math.min(this.#work.most, this.#saved + this.#work.added);
    for (;;) {
      const from = this.#narrowed(state);
      // With a single reading there is nothing to give up.
      this.#workLeft = this.#readings > 1 ? this.#saved : Number.POSITIVE_INFINITY;
      try {
        const found = look(from);
        this.#saved = Math.min(this.#saved, this.#workLeft);
        return [found, from];
      } catch (error) {
        if (error !== tooMuch) throw error;
        this.#readings = Math.ceil(this.#readings * keptShare);
        this.#saved = this.#work.most;
        this.#forget();
      } finally {
        this.#workLeft = Number.POSITIVE_INFINITY;
      }
    }
  }

  /** The state after one more byte; undefined where it cannot follow. */
  step(state: State, byte: number): State | undefined {
    const known = state.known.get(byte);
    if (known !== undefined) return known ?? undefined;
    const alike = this.#withinString(state, byte);
    const next = alike === undefined ? this.#after(state, byte) : alike;
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

  /** What follows a byte that merely goes on with a string, as many do alike; undefined for any other. */
  #withinString(state: State, byte: number): State | null | undefined {
    const within = this.#within(state);
    if (within === null || within.own.has(byte)) return undefined;
    const to = inString(within.at, byte);
    const known = state.alike.get(to);
    if (known !== undefined) return known;
    const next = this.#after(state, byte);
    state.alike.set(to, next);
    return next;
  }

  #within(state: State): Within | null {
    if (state.within !== undefined) return state.within;
    this.#spend(state.frames.length);
    const within = this.#steps.withinString(state.frames) ?? null;
    state.within = within;
    return within;
  }

  #after({ frames }: State, byte: number): State | null {
    const found = new Set<Frame>();
    for (const frame of frames) {
      const next = this.#steps.step(frame, byte);
      this.#spend(1 + next.length);
      for (const each of next) found.add(each);
      if (found.size >= this.#readings) break;
    }
    return found.size === 0 ? null : this.#state([...found].slice(0, this.#readings));
  }

  #spend(work: number): void {
    this.#workLeft -= work;
    if (this.#workLeft < 0) throw tooMuch;
  }

  #narrowed(state: State): State {
    return state.readings === this.#readings ? state : this.#state(state.frames.slice(0, this.#readings));
  }

  #state(frames: readonly Frame[]): State {
    const key = frames
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= stateLimit || this.#frames.count >= frameLimit) this.#forget();
    const state: State = {
      ...{ frames, known: new Map(), alike: new Map(), within: undefined },
      readings: this.#readings,
    };
    this.#states.set(key, state);
    return state;
  }

  /** States that are in use stay good; they only no longer know what follows. */
  #forget(): void {
    for (const { known, alike } of this.#states.values()) {
      known.clear();
      alike.clear();
    }
    this.#states.clear();
    this.#frames.forget();
  }
}
