/** The environment as typed values. */

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Of an integer. */
export interface Bounds {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** Reads variables one by one and collects what is wrong with them. */
export class Reader {
  readonly mistakes: string[] = [];
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** A variable that is set to nothing counts as absent. */
  text(name: string): string | undefined {
    const value = this.#environment[name];
    return value === '' ? undefined : value;
  }

  /** A whole number within bounds. */
  integer(name: string, { fallback, min, max }: Bounds): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.mistakes.push(`${name}='${text}' is not an integer from ${min} to ${max}`);
    return fallback;
  }

  /** A whole number within bounds; undefined where none is set. */
  optionalInteger(name: string, bounds: Omit<Bounds, 'fallback'>): number | undefined {
    return this.text(name) === undefined ? undefined : this.integer(name, { fallback: bounds.min, ...bounds });
  }

  /** A number from 0 to 1. */
  fraction(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (value >= 0 && value <= 1) return value;
    this.mistakes.push(`${name}='${text}' is not a number from 0 to 1`);
    return fallback;
  }

  /** One of some words. */
  word<Word extends string>(name: string, words: readonly Word[], fallback: Word): Word {
    const text = this.text(name) ?? fallback;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) this.mistakes.push(`${name}='${text}' is none of ${words.join(', ')}`);
    return word ?? fallback;
  }
}
