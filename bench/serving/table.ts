/**
 * All goals of the model server in one table, each with when it was measured: from what the benches wrote last into
 * build/bench, in the order of their numbers, and those without one after them. Usage: node bench/serving/table.ts [NAME…],
 * the results to read; unasked all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { tell, type Verdict } from '../goals.ts';

/** Results, and what measures them. */
const sources: Readonly<Record<string, string>> = {
  serving: 'make bench-serving',
  'serving-start': 'make bench-serving',
  'serving-peers': 'make bench-serving',
  'serving-decoding': 'make bench-decoding',
  'serving-static': 'make bench-decoding',
  'serving-concat': 'make bench-decoding',
  'serving-soak': 'make soak',
};

interface Written {
  readonly at: string;
  readonly goals: readonly Verdict[];
}

function goalsOf(name: string): readonly Verdict[] {
  const path = `build/bench/${name}.json`;
  if (!existsSync(path)) return [{ goal: `${name}: ${sources[name] ?? ''}`, found: '', verdict: 'not tried' }];
  const { at, goals } = JSON.parse(readFileSync(path, 'utf8')) as Written;
  return goals.map((goal) => ({ ...goal, found: `${goal.found}  [${name}, ${at.slice(0, 16)}Z]` }));
}

const numberOf = ({ goal }: Verdict): number => Number(/^G(\d+) /.exec(goal)?.[1] ?? Infinity);
const order = (one: Verdict, other: Verdict): number => {
  const [a, b] = [numberOf(one), numberOf(other)];
  return a === b ? 0 : a - b;
};

const asked = process.argv.slice(2);
const goals = (asked.length > 0 ? asked : Object.keys(sources)).flatMap(goalsOf).toSorted(order);
console.log('\nGoals of the model server');
tell(goals);
const count = (verdict: Verdict['verdict']): number => goals.filter((goal) => goal.verdict === verdict).length;
console.log(`${count('reached')} reached, ${count('missed')} missed, ${count('not tried')} not tried`);
