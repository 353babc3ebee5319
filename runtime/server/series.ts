/** Numbers that models keep in plain members, copied when a scrape asks: a request pays nothing for labels. */
import { Counter, Gauge, type Registry } from 'prom-client';
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
