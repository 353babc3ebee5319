/** What was tried, and how often it went well: per life and perturbation, as data and as a table to read. */
import { perturbations, type Perturbation } from './plans.ts';

/** `plans`: all that were tried; `reached`: those whose every fault came to pass; `converged`: those of them without a complaint. */
export interface Covered {
  readonly scenario: string;
  readonly perturbation: Perturbation;
  readonly plans: number;
  readonly reached: number;
  readonly converged: number;
}

const described: Readonly<Record<Perturbation, string>> = {
  crash: 'the operator dies at each write: before it is sent, committed with the reply lost, after the reply',
  'double crash': 'a second crash in the recovery from the first',
  delete: 'the user deletes the object at each write',
  'delete and recreate': 'the same name again, at each write',
  upgrade: 'at each write the operator is replaced by one with other images; no pod may be born anew',
  'write answers': '409, 500 and 504 after commit, 403, 429, in storms',
  watch: 'reset, half frame, black hole, 410, 429, closed every second',
  'stale cache': 'frames of one kind are held',
  unobserved: 'a stream breaks, and only the outcome is seen, by 410 and a list',
  'time travel': 'a list shows the past',
  credentials:
    'token, client certificate or authority are exchanged under way, the files at once or 3 s later; let in again within 60 s',
  quota: 'a ResourceQuota forbids one kind of child, until the refusal was told',
  'terminating namespace': 'the namespace is deleted at every other write, and made again with the same object',
};

/** Markdown: one row per perturbation, `converged/reached` per life. */
export function tableOf(covered: readonly Covered[]): string {
  const lives = [...new Set(covered.map(({ scenario }) => scenario))];
  const rows = perturbations.map((perturbation) => {
    const cells = lives.map((life) => cellOf(covered.filter((one) => isOf(one, life, perturbation))));
    return `| ${perturbation} | ${described[perturbation]} | ${cells.join(' | ')} |`;
  });
  const head = `| Perturbation | What is done | ${lives.join(' | ')} |\n| --- | --- |${' --- |'.repeat(lives.length)}`;
  return [head, ...rows, '', sentenceOf(covered)].join('\n');
}

const isOf = (one: Covered, life: string, perturbation: Perturbation): boolean =>
  one.scenario === life && one.perturbation === perturbation;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function cellOf(covered: readonly Covered[]): string {
  if (covered.length === 0) return '';
  return `${String(sum(covered.map(({ converged }) => converged)))}/${String(sum(covered.map(({ reached }) => reached)))}`;
}

function sentenceOf(covered: readonly Covered[]): string {
  const [plans, reached, converged] = (['plans', 'reached', 'converged'] as const).map((what) =>
    String(sum(covered.map((one) => one[what]))),
  );
  return `${converged!} of ${reached!} plans converged; of ${plans!} that were tried the others' faults never came to pass.`;
}
