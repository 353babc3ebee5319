/**
 * Prometheus' own parser, storage, engine and alerts (cluster/promrules) over given series. The program is LIMBECK_PROMRULES, or
 * promrules of the PATH.
 */
import { execFile } from 'node:child_process';

const program = process.env.LIMBECK_PROMRULES ?? 'promrules';

export type Labels = Readonly<Record<string, string>>;

/** What a scrape found, so many seconds from the beginning; without a value: the series is not there any more. */
export interface Sample {
  readonly at: number;
  readonly value?: number;
}

export interface Series {
  readonly labels: Labels;
  readonly samples: readonly Sample[];
}

/** Series, and when rules are evaluated over them, in seconds from the beginning. */
export interface Story {
  readonly series: readonly Series[];
  readonly evaluations: readonly number[];
}

export interface Firing {
  readonly at: number;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** One series selector: the metric, what its labels must be, and the labels that it is grouped or matched by. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
  readonly groupedBy: readonly string[];
}

export interface Told {
  /** By alert. */
  readonly selectors: Readonly<Record<string, readonly Selector[]>>;
  /** Everything that fired at any evaluation, story by story. */
  readonly stories: readonly (readonly Firing[])[];
}

/** `rules` is the text of a file of rules. Rejects with Prometheus' own sentence. */
export const evaluate = (rules: string, stories: readonly Story[]): Promise<Told> =>
  new Promise((resolve, reject) => {
    const child = execFile(program, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as Told);
      else reject(new Error(stderr === '' ? error.message : stderr));
    });
    // It may have ended before it has read everything; its own sentence says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(JSON.stringify({ rules, stories }));
  });
