/** docs/training.md and docs/custom-training.md name every field that a job can be told, and every one that it tells, by each name on its way. */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { readDefinitions } from '../../crds/generate.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

/** The fields that have none of their own, with the way to them. */
const leavesOf = (schema: Schema | undefined, path: readonly string[] = []): readonly (readonly string[])[] => {
  const members = Object.entries(schema?.properties ?? schema?.items?.properties ?? {});
  return members.length === 0 ? [path] : members.flatMap(([name, member]) => leavesOf(member, [...path, name]));
};

const texts = await Promise.all(['docs/training.md', 'docs/custom-training.md'].map((file) => readFile(file, 'utf8')));
/** Every word that is set as code: in a line, or in an example. */
const words = new Set(
  texts
    .flatMap((text) => [...text.matchAll(/```\w*\n(.*?)```|`([^`\n]+)`/gs)])
    .flatMap(([, block, span]) => (block ?? span ?? '').match(/[A-Za-z]\w*(?:-\w+)*/g) ?? []),
);
const definitions = await readDefinitions();

describe.each(['TrainingJob', 'DistillationJob'])('of a %s', (kind) => {
  const root = definitions.find(({ spec }) => spec.names.kind === kind)?.spec.versions[0]?.schema.openAPIV3Schema;
  const part = (name: 'spec' | 'status'): readonly (readonly string[])[] =>
    leavesOf((root as Schema | undefined)?.properties?.[name]);

  test.each(['spec', 'status'] as const)('every field of the %s is explained', (name) => {
    const leaves = part(name);
    expect(leaves.length).toBeGreaterThan(40);
    expect(leaves.filter((path) => !path.every((part) => words.has(part))).map((path) => path.join('.'))).toEqual([]);
  });
});
