/** Metrics in the text format of Prometheus, as this bench reads them. */

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Labels = Readonly<Record<string, string | RegExp>>;

function sampleOf(line: string): Sample | undefined {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
  return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
}

const matches = (actual: string | undefined, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? actual === wanted : wanted.test(actual ?? '');

/** A value that is more than `over` and at most `upTo`. */
export interface Between {
  readonly over: number;
  readonly upTo: number;
}

interface Observed {
  readonly labels?: Labels;
  readonly before?: Scrape | undefined;
  readonly bounds: readonly number[];
}

/** One look at a process's metrics. */
export class Scrape {
  readonly #samples: ReadonlyMap<string, readonly Sample[]>;

  constructor(text: string) {
    const samples = text.split('\n').flatMap((line) => {
      const sample = line.startsWith('#') ? undefined : sampleOf(line);
      return sample === undefined ? [] : [sample];
    });
    this.#samples = Map.groupBy(samples, ({ name }) => name);
  }

  /** The sum of all series of a name that have these labels. */
  sum(name: string, labels: Labels = {}): number {
    return this.#with(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** The sums of all series of a name by what `key` makes of their labels; undefined leaves one out. */
  sums(name: string, key: (labels: Sample['labels']) => string | undefined): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { labels, value } of this.#samples.get(name) ?? []) {
      const of = key(labels);
      if (of !== undefined) found[of] = (found[of] ?? 0) + value;
    }
    return found;
  }

  /**
   * The bounds between which the quantile lies, of what was observed since `before`: histograms know no more. Only
   * `bounds` are looked at, so that histograms of other buckets can be compared; Infinity is always one.
   */
  quantile(name: string, share: number, of: Observed): Between {
    const { labels = {}, before, bounds } = of;
    const wanted = [...bounds, Infinity];
    const below = (bound: number): number =>
      this.#below(name, bound, labels) - (before === undefined ? 0 : before.#below(name, bound, labels));
    const all = below(Infinity);
    if (all === 0) return { over: 0, upTo: 0 };
    const at = wanted.findIndex((bound) => below(bound) >= share * all);
    return { over: wanted[at - 1] ?? 0, upTo: wanted[at] ?? Infinity };
  }

  /** How many observations are not over a bound. */
  #below(name: string, bound: number, labels: Labels): number {
    const isBound = ({ labels: { le = '' } }: Sample): boolean =>
      le === '+Inf' ? bound === Infinity : Math.abs(Number(le) / bound - 1) < 1e-9;
    const samples = this.#with(`${name}_bucket`, labels).filter(isBound);
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  #with(name: string, labels: Labels): readonly Sample[] {
    return (this.#samples.get(name) ?? []).filter((sample) =>
      Object.entries(labels).every(([key, wanted]) => matches(sample.labels[key], wanted)),
    );
  }
}
