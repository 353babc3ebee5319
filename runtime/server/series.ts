/** Numbers that models keep in plain members, copied when a scrape asks: a request pays nothing for labels. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Model } from './model.ts';

/** One number of every model. */
export interface Series {
  readonly name: string;
  readonly help: string;
  readonly value: (model: Model) => number;
}

/** Which models have the series, and how these name them. */
export interface Subjects {
  readonly models: () => readonly Model[];
  readonly labelNames: readonly string[];
  readonly labelsOf: (model: Model) => Readonly<Record<string, string>>;
}

/** Registers series that only rise. */
export function registerCounters(registry: Registry, subjects: Subjects, series: readonly Series[]): void {
  const { models, labelNames, labelsOf } = subjects;
  for (const { name, help, value } of series) {
    new Counter({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const model of models()) this.inc(labelsOf(model), value(model));
      },
    });
  }
}

/** Registers series that rise and fall. */
export function registerGauges(registry: Registry, subjects: Subjects, series: readonly Series[]): void {
  const { models, labelNames, labelsOf } = subjects;
  for (const { name, help, value } of series) {
    new Gauge({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        // A model that is no longer served must leave no series behind.
        this.reset();
        for (const model of models()) this.set(labelsOf(model), value(model));
      },
    });
  }
}

/** What of a histogram is not the same for all. */
export type Distribution = Omit<Series, 'value'> & { readonly buckets: readonly number[] };

/** Registers a histogram; what is returned gives a model's own, which takes one value. */
export function registerHistogram(
  registry: Registry,
  { models, labelNames, labelsOf }: Subjects,
  { name, help, buckets }: Distribution,
): (model: Model) => (value: number) => void {
  const textOf = (model: Model): string => JSON.stringify(labelsOf(model));
  const known = new Map<string, ReturnType<typeof labelsOf>>();
  const histogram = new Histogram({
    ...{ name, help, labelNames, buckets: [...buckets], registers: [registry] },
    collect() {
      const served = new Set(models().map(textOf));
      for (const [text, labels] of known) if (!served.has(text)) this.remove({ ...labels });
    },
  });
  return (model) => {
    const labels = labelsOf(model);
    known.set(textOf(model), labels);
    const child = histogram.labels({ ...labels });
    return (value) => child.observe(value);
  };
}
