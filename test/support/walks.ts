/** Random texts that an automaton takes, each brought to an end. */
import type { Automaton, State } from '../../runtime/server/decoding/grammar/automaton.ts';
import { complete, isFreeString } from '../../runtime/server/decoding/grammar/automaton.ts';

const bytes = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));

const ends = ['}', ']'].map((text) => Buffer.from(text));

/** What leads to an end, the most of it first. */
const homewards = ['null', 'true', '0', '"', ':', ',', '[', '{'].map((text) => Buffer.from(text));

/** Texts that lie in a schema: names with their quotes, and values. */
function wordsOf(schema: unknown): readonly Buffer[] {
  const words = new Set<string>();
  JSON.stringify(schema, (key, value: unknown) => {
    if (Array.isArray(value)) {
      for (const each of value) words.add(JSON.stringify(each));
    } else if (typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) words.add(JSON.stringify(name));
    }
    if (key === 'const') words.add(JSON.stringify(value));
    return value;
  });
  return [...words].map((word) => Buffer.from(word));
}

/** One text; undefined where chance did not find the end, which it looks for after some steps. */
export function walk(automaton: Automaton, schema: unknown, random: () => number): string | undefined {
  const words = wordsOf(schema);
  const text: Buffer[] = [];
  let state: State = automaton.start;
  const follow = (choices: readonly Buffer[]): Buffer | undefined =>
    choices.find((choice) => automaton.accepts(state, choice) !== undefined);
  const shuffled = (choices: readonly Buffer[]): readonly Buffer[] => {
    const start = Math.floor(random() * choices.length);
    return [...choices.slice(start), ...choices.slice(0, start)];
  };
  for (let step = 0; step < 400; step += 1) {
    if (complete(state) && (step > 60 || random() < 0.5)) return Buffer.concat(text).toString('utf8');
    const any = random() < 0.5 ? [...shuffled(words), ...shuffled(bytes)] : shuffled(bytes);
    const home = isFreeString(state) ? [Buffer.from('"')] : [...ends, ...shuffled(words), ...homewards, ...bytes];
    const next = follow(step > 60 ? home : any);
    // A state after which nothing can come must be the end.
    if (next === undefined) return Buffer.concat(text).toString('utf8');
    text.push(next);
    state = automaton.accepts(state, next)!;
  }
  return undefined;
}
