/** What was tried, and how often it went well: per life and perturbation, as data and as a table to read. */
import { perturbations, type Perturbation } from './plan.ts';

/**
 * `plans`: all that were tried; `reached`: those whose every fault came to pass; `converged`: those of them without a
 * complaint; `quiet`: those of all after which three looks wrote nothing.
 */
export interface Covered {
  readonly scenario: string;
  readonly perturbation: Perturbation;
  readonly plans: number;
  readonly reached: number;
  readonly converged: number;
  readonly quiet: number;
  /** The plans of which not every fault came to pass. */
  readonly idle: readonly string[];
  readonly took: Times;
}

/** Seconds from the first start to the end of a life, of all plans; which one took longest. */
export interface Times {
  readonly median: number;
  readonly longest: number;
  readonly longestPlan: string;
}

export function timesFrom(lives: readonly { readonly seconds: number; readonly plan: string }[]): Times {
  const sorted = lives.toSorted((one, other) => one.seconds - other.seconds);
  const [middle, last] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return { median: middle?.seconds ?? 0, longest: last?.seconds ?? 0, longestPlan: last?.plan ?? '' };
}

/**
 * A takeover by the other process: from what befell the leader to the time at which the other acquired the lease, as it
 * wrote there itself. `usurpations`: writes by one of them that were stored while it did not lead.
 */
export interface Takeover {
  readonly befell: string;
  readonly seconds: number;
  readonly goalSeconds?: number | undefined;
  readonly usurpations: number;
}

/** Chains of declarations at random of one kind. */
export interface Chains {
  readonly kind: string;
  readonly what: string;
  readonly tries: number;
  /** What they were drawn from. */
  readonly seed: number;
}

const described: Readonly<Record<Perturbation, string>> = {
  crash: 'the operator dies at each write: before it is sent, committed with the reply lost, after the reply',
  'double crash': 'a second crash in the recovery from the first',
  takeover:
    'the leader dies after each write, and who stood by with warm caches leads while what it hears lags: of one kind, or all',
  delete: 'the user deletes the object at each write',
  'delete and recreate': 'the same name again, at each write',
  upgrade:
    'at each write the operator of before is replaced by the present one, with other images; no pod may be born anew',
  'upgrade and back': 'and by the former one again, one or three writes later, or at rest',
  'write answers':
    '409, 500 and 504 after commit, 403, 429, in storms: from the beginning on, from a third and two thirds of all writes, and from the first removal of each kind',
  watch: 'reset, half frame, black hole, 410, 429 when it is opened again, closed every second',
  'stale cache': 'frames of one kind are held',
  unobserved: 'a stream breaks, and only the outcome is seen, by 410 and a list',
  'time travel': 'a stream breaks off, and lists show what was before its last frames; they must be refused',
  'born in the past':
    'the operator dies, and whoever comes next is shown one kind as it was before, and hears the rest late',
  credentials:
    'token, client certificate or authority are exchanged under way, the files at once or 3 s later; let in again within 60 s',
  quota: 'a ResourceQuota forbids one kind of child, until the refusal was told',
  'terminating namespace': 'the namespace is deleted at every other write, and made again with the same object',
  absence: 'whatever the user creates, changes and deletes, no operator is there; it begins when that is done',
};

/** Markdown: one row per perturbation, `converged/reached of plans` per life, the last where it is more; at last how many of all plans ended in silence. */
export function tableOf(covered: readonly Covered[]): string {
  const lives = [...new Set(covered.map(({ scenario }) => scenario))];
  const rows = perturbations.map((perturbation) => {
    const cells = lives.map((life) => cellOf(covered.filter((one) => isOf(one, life, perturbation))));
    return rowOf([perturbation, described[perturbation], ...cells]);
  });
  const ends = lives.map((life) => quietOf(covered.filter(({ scenario }) => scenario === life)));
  const quiescence = rowOf(['quiescence', 'after each of these plans: three looks at everything, no write', ...ends]);
  const head = [rowOf(['Perturbation', 'What is done', ...lives]), `| --- | --- |${' --- |'.repeat(lives.length)}`];
  return [...head, ...rows, quiescence, '', sentenceOf(covered)].join('\n');
}

/**
 * Markdown: per perturbation how long its lives took, some two dozen at once. What only a timer heals comes to a right end
 * too, and shows in a plan that takes minutes longer than its like.
 */
export function timesOf(covered: readonly Covered[]): string {
  const rows = perturbations.flatMap((perturbation) => {
    const all = covered.filter((one) => one.perturbation === perturbation).map(({ took }) => took);
    if (all.length === 0) return [];
    const longest = all.reduce((one, other) => (other.longest > one.longest ? other : one));
    const medians = all.map(({ median }) => median);
    const usual = `${Math.min(...medians).toFixed(0)} to ${Math.max(...medians).toFixed(0)} s`;
    return [rowOf([perturbation, usual, `${longest.longest.toFixed(0)} s`, longest.longestPlan])];
  });
  const head = [
    rowOf(['Perturbation', 'a plan in the middle, by life', 'the longest', 'which']),
    '| --- | --- | --- | --- |',
  ];
  return [...head, ...rows].join('\n');
}

/**
 * Markdown: what befell the leader, and after how many seconds the other process led, in each scene that was set. A whole run
 * demands the goals of the last of a few, as the machine may be busy with something else, and a sample does not;
 * test/operator/kernel/leader.test.ts demands them of a clock that is not.
 */
export const leadershipOf = (takeovers: readonly Takeover[]): string =>
  [
    rowOf(['Leadership: of the leader', 'taken over after', 'goal', 'writes without the lease']),
    '| --- | --- | --- | --- |',
    ...[...Map.groupBy(takeovers, ({ befell }) => befell)].map(([befell, scenes]) =>
      rowOf([
        befell,
        scenes.map(({ seconds }) => `${seconds.toFixed(1)} s`).join(', then '),
        goalOf(scenes),
        scenes.map(({ usurpations }) => String(usurpations)).join(', then '),
      ]),
    ),
  ].join('\n');

function goalOf(scenes: readonly Takeover[]): string {
  const goalSeconds = scenes[0]?.goalSeconds;
  if (goalSeconds === undefined) return '';
  const reached = scenes.filter(({ seconds }) => seconds <= goalSeconds).length;
  const often = scenes.length === 1 ? '' : ` in ${String(reached)} of ${String(scenes.length)}`;
  return `at most ${String(goalSeconds)} s: ${reached > 0 ? `reached${often}` : 'missed'}`;
}

/** Markdown: how many chains of declarations were tried. */
export const chainsOf = (chains: readonly Chains[]): string =>
  [
    ...[rowOf(['Specs at random', 'property', 'chains', 'seed']), '| --- | --- | --- | --- |'],
    ...chains.map(({ kind, what, tries, seed }) => rowOf([kind, what, String(tries), String(seed)])),
  ].join('\n');

const rowOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const isOf = (one: Covered, life: string, perturbation: Perturbation): boolean =>
  one.scenario === life && one.perturbation === perturbation;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const totals = (covered: readonly Covered[]) =>
  (['plans', 'reached', 'converged'] as const).map((what) => sum(covered.map((one) => one[what]))) as [
    plans: number,
    reached: number,
    converged: number,
  ];

function cellOf(covered: readonly Covered[]): string {
  if (covered.length === 0) return '';
  const [plans, reached, converged] = totals(covered);
  return `${String(converged)}/${String(reached)}${plans > reached ? ` of ${String(plans)}` : ''}`;
}

const quietOf = (covered: readonly Covered[]): string =>
  `${String(sum(covered.map(({ quiet }) => quiet)))}/${String(sum(covered.map(({ plans }) => plans)))}`;

function sentenceOf(covered: readonly Covered[]): string {
  const [plans, reached, converged] = totals(covered).map(String);
  return `${converged!} of ${reached!} plans converged; of ${plans!} that were tried the others' faults never came to pass.`;
}
