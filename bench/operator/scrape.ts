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

  /**
   * The upper bound of the bucket in which the quantile lies, of what was observed since `before`: histograms know no
   * more.
   */
  quantile(name: string, share: number, labels: Labels = {}, before?: Scrape): number {
    const bounds = new Map<number, number>();
    const add = (scrape: Scrape, sign: 1 | -1): void => {
      for (const { labels: found, value } of scrape.#with(`${name}_bucket`, labels)) {
        const bound = found['le'] === '+Inf' ? Infinity : Number(found['le']);
        bounds.set(bound, (bounds.get(bound) ?? 0) + sign * value);
      }
    };
    add(this, 1);
    if (before !== undefined) add(before, -1);
    const sorted = [...bounds].sort(([one], [other]) => one - other);
    const all = sorted.at(-1)?.[1] ?? 0;
    return all === 0 ? 0 : (sorted.find(([, value]) => value >= share * all)?.[0] ?? 0);
  }

  #with(name: string, labels: Labels): readonly Sample[] {
    return (this.#samples.get(name) ?? []).filter((sample) =>
      Object.entries(labels).every(([key, wanted]) => matches(sample.labels[key], wanted)),
    );
  }
}
