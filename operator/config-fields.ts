/** Reads the members of a value that somebody wrote by hand, and notes every mistake instead of stopping at the first. */

interface Bounds {
  readonly least: number;
  readonly most: number;
  /** Taken when absent; without one the member is needed. */
  readonly fallback?: number;
}

/** The members of one object. `path` begins each sentence; sentences gather in `violations`. */
export class Fields {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #violations: string[];

  constructor(value: unknown, path: string, violations: string[]) {
    this.#path = path;
    this.#violations = violations;
    this.#members = isObject(value) ? value : {};
    if (!isObject(value)) this.refuse('must be an object');
  }

  get names(): readonly string[] {
    return Object.keys(this.#members);
  }

  /** Notes a mistake of the object as a whole. */
  refuse(what: string): void {
    this.#violations.push(`${this.#path === '' ? 'the configuration' : this.#path} ${what}`);
  }

  /** Refuses members that nothing reads: a typing error would otherwise be a silent default. */
  only(names: readonly string[]): void {
    for (const name of this.names)
      if (!names.includes(name)) this.#wrong(name, `is not known; ${names.join(', ')} are`);
  }

  /** Undefined when the member is absent. */
  optional<T>(name: string, read: () => T): T | undefined {
    return this.#members[name] === undefined ? undefined : read();
  }

  text(name: string, fallback?: string): string {
    const value = this.#members[name] ?? fallback;
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
    return this.#wrong(name, value === undefined ? 'is missing' : `must be a text, not ${JSON.stringify(value)}`);
  }

  /** A text that may be empty, as the value of a label or a taint may. */
  anyText(name: string): string {
    const value = this.#members[name];
    return typeof value === 'string' ? value : this.#wrong(name, `must be a text, not ${JSON.stringify(value)}`);
  }

  match(name: string, pattern: RegExp, shape: string): string {
    const value = this.text(name);
    if (value !== '' && !pattern.test(value)) this.#wrong(name, `must be ${shape}, not ${JSON.stringify(value)}`);
    return value;
  }

  oneOf<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.#members[name] ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.#wrong(name, `must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}`);
    return found ?? fallback;
  }

  /** A whole number, also as digits, which is all that an environment knows. */
  integer(name: string, { least, most, fallback }: Bounds): number {
    const value = this.#members[name] ?? fallback;
    const number = typeof value === 'string' ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    const range = `must be a whole number from ${String(least)} to ${String(most)}`;
    this.#wrong(name, value === undefined ? 'is missing' : `${range}, not ${JSON.stringify(value)}`);
    return fallback ?? least;
  }

  flag(name: string): boolean {
    const value = this.#members[name];
    if (typeof value !== 'boolean') this.#wrong(name, `must be true or false, not ${JSON.stringify(value)}`);
    return value === true;
  }

  /** An object; an absent optional one has no members. */
  object(name: string, isOptional = false): Fields {
    const value = this.#members[name] ?? undefined;
    if (value === undefined && !isOptional) this.#wrong(name, 'is missing');
    return new Fields(value ?? {}, this.#pathOf(name), this.#violations);
  }

  /** Labels. */
  texts(name: string): Readonly<Record<string, string>> {
    const object = this.object(name);
    return Object.fromEntries(object.names.map((member) => [member, object.anyText(member)]));
  }

  list(name: string): readonly Fields[] {
    const value = this.#members[name];
    if (Array.isArray(value))
      return value.map((item, index) => new Fields(item, `${this.#pathOf(name)}[${String(index)}]`, this.#violations));
    this.#wrong(name, 'must be a list');
    return [];
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #wrong(name: string, what: string): string {
    this.#violations.push(`${this.#pathOf(name)} ${what}`);
    return '';
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
