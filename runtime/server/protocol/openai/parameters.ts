/** Reads the members of an OpenAI request one by one; every refusal names its parameter. `null` counts as absent, as it does upstream. */
import { invalidParameter } from '../errors.ts';
import { isRecord } from '../json.ts';

/** The least and the most of a number. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A request's members. */
export class Parameters {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(members: Readonly<Record<string, unknown>>) {
    this.#members = members;
  }

  /** Whatever is there. */
  any(name: string): unknown {
    return this.#members[name] ?? undefined;
  }

  /** A number within a range. */
  number<Fallback extends number | undefined>(
    name: string,
    { min, max }: Range,
    fallback: Fallback,
  ): number | Fallback {
    const value = this.any(name);
    if (value === undefined) return fallback;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw invalidParameter(name, `'${name}' is not a number from ${min} to ${max}`);
  }

  /** A whole number within a range. */
  integer<Fallback extends number | undefined>(name: string, range: Range, fallback: Fallback): number | Fallback {
    const value = this.number(name, range, fallback);
    if (value === undefined || Number.isInteger(value)) return value;
    throw invalidParameter(name, `'${name}' is not a whole number`);
  }

  /** true or false; false when absent. */
  flag(name: string): boolean {
    const value = this.any(name) ?? false;
    if (typeof value === 'boolean') return value;
    throw invalidParameter(name, `'${name}' is neither true nor false`);
  }

  /** A text. */
  text(name: string): string | undefined {
    const value = this.any(name);
    if (value === undefined || typeof value === 'string') return value;
    throw invalidParameter(name, `'${name}' is not a string`);
  }

  /** An object. */
  object(name: string): Parameters | undefined {
    const value = this.any(name);
    if (value === undefined) return undefined;
    if (isRecord(value)) return new Parameters(value);
    throw invalidParameter(name, `'${name}' is not an object`);
  }

  /** Refuses parameters that ask for something, since they would be ignored. */
  refuse(names: Readonly<Record<string, string>>): void {
    for (const [name, why] of Object.entries(names)) {
      const value = this.any(name);
      const isNothing = [undefined, false, '', 0].some((nothing) => value === nothing);
      const asks = Array.isArray(value) ? value.length > 0 : !isNothing;
      if (asks) throw invalidParameter(name, `'${name}' is not offered: ${why}`, 'unsupported_parameter');
    }
  }
}
