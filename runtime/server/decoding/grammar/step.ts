/**
 * One byte further: what is half written → what it may be then. Whatever is returned can be finished within the limits, so
 * that nothing that was allowed ever leads nowhere. Pure, but that equal frames are one.
 */
import type { Frame, Frames, Place } from './frame.ts';
import { depthLimit, type Node } from './grammar.ts';
import { inNumber, numberEnds, numberStart } from './number-text.ts';
import type { ObjectNames, PreparedGrammar } from './object-names.ts';
import { backslash, inEscape, inString, plain, quote } from './string-text.ts';

/** White space between two letters that matter: enough to indent nine levels by two, and no place to idle in. */
const blankLimit = 20;

type At<Kind extends Place['kind']> = Extract<Place, { readonly kind: Kind }>;

/** A place in a list or object, and how deep that lies. */
type Deep<Kind extends Place['kind']> = readonly [place: At<Kind>, depth: number];

const [comma, colon] = [0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** A place within a string. By all bytes but its own that lead to the same place the readings of a text go on alike. */
export interface Within {
  readonly at: number;
  readonly own: ReadonlySet<number>;
}

/** Steps through one grammar. */
export class Steps {
  readonly #grammar: PreparedGrammar;
  readonly #frames: Frames;
  /** By choice and byte: the alternatives that begin with it. */
  readonly #beginnings = new Map<number, readonly number[]>();

  constructor(grammar: PreparedGrammar, frames: Frames) {
    this.#grammar = grammar;
    this.#frames = frames;
  }

  /** All that may be half written after one more byte; nothing where the byte cannot follow. */
  step(frame: Frame, byte: number): readonly Frame[] {
    const { place, then } = frame;
    // Nothing follows what is done.
    if (then === undefined) return [];
    if (!('blanks' in place && isBlank(byte))) return this.#follow(frame, byte, then);
    return place.blanks < blankLimit ? [this.#frames.make({ ...place, blanks: place.blanks + 1 }, then)] : [];
  }

  /** Where some readings of one text are within a string; undefined where one of them is elsewhere, or may be. */
  withinString(frames: readonly Frame[]): Within | undefined {
    const own = new Set([quote]);
    let found: number | undefined;
    for (const { place } of frames) {
      if (place.kind === 'string' || place.kind === 'name') found = place.at;
      else if (place.kind !== 'literal') return undefined;
      for (const byte of this.#spelledAfter(place)) own.add(byte);
    }
    return found === undefined ? undefined : { at: found, own };
  }

  #spelledAfter(place: At<'string' | 'name' | 'literal'>): readonly number[] {
    if (place.kind === 'literal') return this.#grammar.literals[place.node]?.bytesAfter(place.at) ?? [];
    if (place.kind === 'string' || place.named < 0) return [];
    return this.#grammar.names[place.node]?.spellings.bytesAfter(place.named) ?? [];
  }

  #follow({ place, depth }: Frame, byte: number, then: Frame): readonly Frame[] {
    switch (place.kind) {
      case 'value':
        return this.#begin(place.node, byte, then);
      case 'literal':
        return this.#spell(place, byte, then);
      case 'string':
        return this.#string(place, byte, then);
      case 'number':
        return this.#number(place, byte, then);
      case 'list':
        return this.#list([place, depth], byte, then);
      case 'object':
        return this.#object([place, depth], byte, then);
      case 'name':
        return this.#name([place, depth], byte, then);
      case 'colon':
        return byte === colon ? [this.#value(place.node, then)] : [];
      case 'done':
        return [];
    }
  }

  #value(node: number, then: Frame): Frame {
    return this.#frames.make({ kind: 'value', node, blanks: 0 }, then);
  }

  /** The first byte of a value. */
  #begin(index: number, byte: number, then: Frame): readonly Frame[] {
    const node = this.#grammar.nodes[index];
    switch (node?.kind) {
      case 'literal':
        return this.#spell({ kind: 'literal', node: index, at: 0 }, byte, then);
      case 'string':
        return byte === quote ? [this.#frames.make({ kind: 'string', at: plain }, then)] : [];
      case 'number':
        return this.#number({ kind: 'number', at: numberStart, whole: node.whole }, byte, then);
      case 'list':
      case 'object':
        return this.#open([index, node], byte, then);
      case 'choice':
        return this.#beginning(index, node.of, byte).flatMap((each) => this.#begin(each, byte, then));
      default:
        return [];
    }
  }

  /** Most alternatives begin with another byte. */
  #beginning(index: number, of: readonly number[], byte: number): readonly number[] {
    const key = index * 256 + byte;
    const found = this.#beginnings.get(key) ?? of.filter((each) => this.#mayBegin(each, byte));
    this.#beginnings.set(key, found);
    return found;
  }

  #mayBegin(index: number, byte: number): boolean {
    const node = this.#grammar.nodes[index];
    switch (node?.kind) {
      case 'literal':
        return (this.#grammar.literals[index]?.step(0, byte) ?? -1) >= 0;
      case 'string':
        return byte === quote;
      case 'number':
        return inNumber(numberStart, byte, node.whole) !== undefined;
      default:
        return byte === (node?.kind === 'list' ? openList : openObject);
    }
  }

  /** A bracket, where the flattest value of the node fits into the levels that are left. */
  #open([index, { kind }]: readonly [number, Node], byte: number, then: Frame): readonly Frame[] {
    const fits = then.depth + (this.#grammar.heights[index] ?? Number.POSITIVE_INFINITY) <= depthLimit;
    if (!fits || byte !== (kind === 'list' ? openList : openObject)) return [];
    const place: Place =
      kind === 'list'
        ? { kind, node: index, phase: 'open', count: 0, blanks: 0 }
        : { kind: 'object', node: index, phase: 'open', next: 0, blanks: 0 };
    return [this.#frames.make(place, then)];
  }

  #spell(place: At<'literal'>, byte: number, then: Frame): readonly Frame[] {
    const spellings = this.#grammar.literals[place.node];
    const at = spellings?.step(place.at, byte) ?? -1;
    if (spellings === undefined || at < 0) return [];
    const ends = spellings.end(at) >= 0;
    return [...(ends ? [then] : []), ...(spellings.goesOn(at) ? [this.#frames.make({ ...place, at }, then)] : [])];
  }

  #string({ at }: At<'string'>, byte: number, then: Frame): readonly Frame[] {
    if (at === plain && byte === quote) return [then];
    const next = inString(at, byte);
    return next < 0 ? [] : [this.#frames.make({ kind: 'string', at: next }, then)];
  }

  /** What ends a number is no part of it. */
  #number(place: At<'number'>, byte: number, then: Frame): readonly Frame[] {
    const at = inNumber(place.at, byte, place.whole);
    if (at !== undefined) return [this.#frames.make({ ...place, at }, then)];
    return numberEnds(place.at) ? this.step(then, byte) : [];
  }

  #list([place, depth]: Deep<'list'>, byte: number, then: Frame): readonly Frame[] {
    const { node: index, phase, count } = place;
    const node = this.#grammar.nodes[index];
    if (node?.kind !== 'list') return [];
    const { items, min, max } = node;
    if (byte === closeList) return count >= min ? [then] : [];
    const fits = depth + (this.#grammar.heights[items] ?? Number.POSITIVE_INFINITY) <= depthLimit;
    if (!fits || (max !== null && count >= max)) return [];
    // Where it does not matter how many there are, they are not told apart.
    const next = max === null ? Math.min(count + 1, min) : count + 1;
    const after = this.#frames.make({ kind: 'list', node: index, phase: 'after', count: next, blanks: 0 }, then);
    if (phase === 'open') return this.#begin(items, byte, after);
    return byte === comma ? [this.#value(items, after)] : [];
  }

  #object([place, depth]: Deep<'object'>, byte: number, then: Frame): readonly Frame[] {
    const { node, phase, next } = place;
    const names = this.#grammar.names[node];
    if (names === undefined) return [];
    const written = { next, depth };
    if (byte === closeObject) return phase !== 'comma' && names.mayEnd(written) ? [then] : [];
    if (byte !== (phase === 'after' ? comma : quote) || !names.offersAny(written)) return [];
    if (phase === 'after') return [this.#frames.make({ ...place, phase: 'comma', blanks: 0 }, then)];
    const named = names.spellings.below(0).length > 0 ? 0 : -1;
    return [this.#frames.make({ kind: 'name', node, next, at: plain, named }, then)];
  }

  #name([place, depth]: Deep<'name'>, byte: number, then: Frame): readonly Frame[] {
    const names = this.#grammar.names[place.node];
    if (names === undefined) return [];
    if (place.at === plain && byte === quote) return this.#named([place, depth], names, then);
    const at = inString(place.at, byte);
    const named = place.named < 0 ? -1 : names.spellings.step(place.named, byte);
    if (at < 0 || !mayGoOn([place, depth], [byte, named], names)) return [];
    return [this.#frames.make({ ...place, at, named }, then)];
  }

  /** The quote that ends a name. */
  #named([{ node, next, named }, depth]: Deep<'name'>, names: ObjectNames, then: Frame): readonly Frame[] {
    const value = names.valueOf(names.spellings.end(named), { next, depth });
    if (value === undefined) return [];
    const turn = Math.max(next, names.spellings.end(named) + 1);
    const after = this.#frames.make({ kind: 'object', node, phase: 'after', next: turn, blanks: 0 }, then);
    return [this.#frames.make({ kind: 'colon', node: value, blanks: 0 }, after)];
  }
}

/** Whether a name may still become one that is offered; `named` is its place among the names of the node after the byte. */
function mayGoOn([place, depth]: Deep<'name'>, [byte, named]: readonly [number, number], names: ObjectNames): boolean {
  const written = { next: place.next, depth };
  if (named >= 0 && names.offersOneOf(names.spellings.below(named), written)) return true;
  // An escape may spell a name of the node in another way: only a name that differs already may have any.
  const leaves = named < 0 && place.named >= 0;
  return names.offersRest(written) && !(leaves && (byte === backslash || inEscape(place.at)));
}
