/** Declares one spec after the other and judges each by what the user is shown; then the state in the end. */
import type { Condition } from '../../../operator/kernel/objects.ts';
import { difference } from '../end-state.ts';
import { pause, until } from '../until.ts';
import type { Expectation, Place, Rooted } from './place.ts';
import type { Json } from './rules.ts';

/** One declaration. */
export interface Declared {
  readonly spec: Json;
  /** The next declaration does not wait until this one has come to rest. */
  readonly hurry: boolean;
  /** Words of the API server's refusal; undefined: it is taken. */
  readonly refusedWith: string | undefined;
  /** What was declared before is deleted first, since it cannot become this. */
  readonly anew?: boolean;
}

export const conditionOf = ({ status }: Rooted, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** The whole status speaks of the newest spec. */
export const isCurrent = ({ status, metadata }: Rooted): boolean =>
  status?.['observedGeneration'] === metadata.generation &&
  status?.conditions?.every(({ observedGeneration }) => observedGeneration === metadata.generation) === true;

/** Throws where a declaration is not taken, refused or shown as it should be. */
export async function walk<T extends Declared>(
  place: Place,
  steps: readonly T[],
  expectationOf: (step: T) => Expectation,
): Promise<void> {
  let last: T | undefined;
  for (const step of steps) {
    const { refusedWith, spec, anew = false } = step;
    if (anew) await place.clear();
    const said = await place.declare(spec);
    const isRight = refusedWith === undefined ? said === undefined : said?.includes(refusedWith) === true;
    if (!isRight) throw new Error(`a declaration: ${said ?? 'taken'}; ${JSON.stringify(step)}`);
    // What was refused changes nothing, so that the one before still is what is declared.
    if (refusedWith === undefined) last = step;
    if (last === undefined) continue;
    if (step.hurry) await pause(Math.floor(JSON.stringify(spec).length % 5) * 60);
    else await place.rest(expectationOf(last));
  }
}

/** Everything in these places, also when it goes wrong; `withTeacher`: with a job that has made a model. */
export async function within<T>(places: readonly Place[], withTeacher: boolean, live: () => Promise<T>): Promise<T> {
  try {
    await Promise.all(places.map((place) => place.open(withTeacher)));
    return await live();
  } finally {
    await Promise.all(places.map((place) => place.close()));
  }
}

/** What to compare a place's state with, and what of it counts. */
export interface Compared {
  readonly expected: readonly string[];
  readonly comparable: (state: readonly string[]) => readonly string[];
  readonly atRest: Expectation;
}

/** Differences that stay, and writes that go on. */
export async function complaints(place: Place, compared: Compared): Promise<readonly string[]> {
  const differences = await apart(place, compared);
  const writes = await place.writesAtRest(compared.atRest);
  const all = [...differences, ...(writes === 0 ? [] : [`${String(writes)} writes at rest`])];
  return all.length === 0 ? [] : [...all, place.log()];
}

async function apart(place: Place, { expected, comparable }: Compared): Promise<readonly string[]> {
  let found: readonly string[] = [];
  const isSame = async (): Promise<boolean> => {
    found = await place.apart((state) => difference(comparable(expected), comparable(state)));
    return found.length === 0;
  };
  await until('the same state', isSame, { everyMs: 300 }).catch(() => undefined);
  return found;
}
