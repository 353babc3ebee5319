/**
 * Which texts a grammar allows, byte by byte. A state is an immutable value, the set of all that a text may be the beginning
 * of; states that were met are remembered with what follows them.
 */
import { Frames, type Frame } from './frame.ts';
import type { Grammar } from './grammar.ts';
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

/** Readings that are followed at once. Giving some up leaves a smaller language, each text of which is still allowed. */
const readingLimit = 256;

/** States that are remembered: some megabytes. */
const stateLimit = 4096;

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
  /** Before the first byte. */
  readonly start: State;

  constructor(grammar: Grammar) {
    this.#steps = new Steps(prepared(grammar), this.#frames);
    const done = this.#frames.make({ kind: 'done' }, undefined);
    this.start = this.#state([this.#frames.make({ kind: 'value', node: grammar.root, blanks: 0 }, done)]);
  }

  /** The state after one more byte; undefined where it cannot follow. */
  step(state: State, byte: number): State | undefined {
    const known = state.known.get(byte);
    if (known !== undefined) return known ?? undefined;
    const frames = new Set(state.frames.flatMap((frame) => this.#steps.step(frame, byte)));
    const next = frames.size === 0 ? null : this.#state([...frames].slice(0, readingLimit));
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

  #state(frames: readonly Frame[]): State {
    const key = frames
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= stateLimit) this.#forget();
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
