/**
 * The training loop beside a plain PyTorch script of the same model: one process, and two over gloo. Both sides
 * alternate in one run inside the trainer image. `node bench/training/run.ts [ROUNDS]`
 */
import { execFileSync } from 'node:child_process';
import { atLeast, conclude } from '../goals.ts';
import { spread, spreadText } from '../measure.ts';

interface Line {
  readonly model: string;
  readonly processes: number;
  /** Of each pair: time of the plain script / our time. */
  readonly ratios: readonly number[];
  /** Samples a second. */
  readonly ours: readonly number[];
  readonly plain: readonly number[];
}

const rounds = process.argv[2] ?? '7';
const script = ['python3', '/src/bench/training/throughput.py', rounds];
const said = execFileSync('bash', ['cluster/cluster', 'trainer-run', '--', ...script], { encoding: 'utf8' });
const lines = said
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line) as Line);

const nameOf = ({ model, processes }: Line): string => `${model}, ${String(processes)} processes`;
for (const line of lines)
  console.log(
    `${nameOf(line)}: ${spreadText(spread(line.ratios))} of plain PyTorch; ` +
      `samples/s ${spreadText(spread(line.ours))} / ${spreadText(spread(line.plain))}`,
  );
const ratios = Object.fromEntries(lines.map((line) => [nameOf(line), spread(line.ratios)]));
const goals = Object.entries(ratios).map(([name, ratio]) => atLeast(0.95, `${name}, beside plain PyTorch`, ratio));
conclude({
  name: 'training-throughput',
  reference: 'a plain PyTorch script of the same model, its own loop, DistributedDataParallel with its defaults',
  ...{ ratios, goals },
});
