/** What is still to be written, innermost first: an immutable chain. Equal chains are one object, so that states compare by identity. */
import type { NumberPlace } from './number-text.ts';

/** Something that is half written. `blanks` counts the white space since the last letter; `node` is an index into the grammar. */
export type Place =
  /** A value comes next. */
  | { readonly kind: 'value'; readonly node: number; readonly blanks: number }
  /** `at` is a place among the spellings of the node. */
  | { readonly kind: 'literal'; readonly node: number; readonly at: number }
  | { readonly kind: 'string'; readonly at: number }
  | { readonly kind: 'number'; readonly at: NumberPlace; readonly whole: boolean }
  /** After the bracket, or after `count` items. */
  | {
      readonly kind: 'list';
      readonly node: number;
      readonly phase: 'open' | 'after';
      readonly count: number;
      readonly blanks: number;
    }
  /** After the bracket, a comma, or a property; those before `next` have had their turn. */
  | {
      readonly kind: 'object';
      readonly node: number;
      readonly phase: 'open' | 'comma' | 'after';
      readonly next: number;
      readonly blanks: number;
    }
  /** In a property's name: `at` of a string, `named` a place among the names of the node, -1 where it is none of them. */
  | {
      readonly kind: 'name';
      readonly node: number;
      readonly next: number;
      readonly at: number;
      readonly named: number;
    }
  /** Between a name and its value, which `node` is. */
  | { readonly kind: 'colon'; readonly node: number; readonly blanks: number }
  /** Nothing is to be written any more. */
  | { readonly kind: 'done' };

/** A place, and what goes on when it is over; only after `done` nothing does. */
export interface Frame {
  readonly id: number;
  readonly place: Place;
  readonly then: Frame | undefined;
  /** Lists and objects that are open, this one among them. */
  readonly depth: number;
}

/** By hand, since frames are made for nearly every byte that is looked at: JSON would take most of the time. */
function placeKey(place: Place): string {
  switch (place.kind) {
    case 'value':
      return `v${place.node} ${place.blanks}`;
    case 'literal':
      return `t${place.node} ${place.at}`;
    case 'string':
      return `s${place.at}`;
    case 'number':
      return `${place.whole ? 'i' : 'f'}${place.at.phase} ${place.at.digits}`;
    case 'list':
      return `l${place.node} ${place.phase} ${place.count} ${place.blanks}`;
    case 'object':
      return `o${place.node} ${place.phase} ${place.next} ${place.blanks}`;
    case 'name':
      return `n${place.node} ${place.next} ${place.at} ${place.named}`;
    case 'colon':
      return `c${place.node} ${place.blanks}`;
    case 'done':
      return 'd';
  }
}

const keyOf = (place: Place, then: Frame | undefined): string => `${placeKey(place)} ${then?.id ?? ''}`;

/** Makes frames, each once. */
export class Frames {
  readonly #made = new Map<string, Frame>();
  #ids = 0;

  make(place: Place, then: Frame | undefined): Frame {
    const key = keyOf(place, then);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const opens = place.kind === 'list' || place.kind === 'object' || place.kind === 'name';
    this.#ids += 1;
    const frame = { id: this.#ids, place, then, depth: (then?.depth ?? 0) + (opens ? 1 : 0) };
    this.#made.set(key, frame);
    return frame;
  }

  /** How many are remembered. */
  get count(): number {
    return this.#made.size;
  }

  /** Forgets what was made. Frames that are still in use stay good, and differ from those that are made later. */
  forget(): void {
    this.#made.clear();
  }
}
