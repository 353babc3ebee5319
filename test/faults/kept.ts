/** What a run of the faults has to tell, kept as files until tables are made of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';

const folder = 'build/faults';

export interface Kept<T> {
  /** Nothing of it was left out: neither a sample nor one life or perturbation. */
  readonly isWhole: boolean;
  /** Of which commit it is. */
  readonly commit: string;
  readonly rows: readonly T[];
}

const { LIMBECK_FAULTS, LIMBECK_FAULTS_ONLY, LIMBECK_FAULTS_LIFE, LIMBECK_PATH } = process.env;
const isWhole = LIMBECK_FAULTS === 'all' && !(LIMBECK_FAULTS_ONLY ?? LIMBECK_FAULTS_LIFE ?? LIMBECK_PATH);

export async function keep(name: string, rows: readonly object[]): Promise<void> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const kept: Kept<object> = { isWhole, commit, rows };
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/${name}.json`, `${JSON.stringify(kept, undefined, 2)}\n`);
}

export const readKept = <T>(name: string): Kept<T> =>
  JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as Kept<T>;

/** The commit that all of it is of. Throws where a part is none of a whole run, or they are of several. */
export function commitOf(all: readonly Pick<Kept<unknown>, 'isWhole' | 'commit'>[]): string {
  const commits = new Set(all.map(({ commit }) => commit));
  const [commit] = commits;
  if (commit === undefined || commits.size > 1 || !all.every((one) => one.isWhole))
    throw new Error(
      `a document has the tables of one whole run: make test-faults; these are of ${[...commits].join()}`,
    );
  return commit;
}
