/** A chain of declarations of one ModelService, each judged by what the user is shown; and the state in the end. */
import type { Condition } from '../../../operator/kernel/objects.ts';
import type { RawApi } from '../../support/raw-api.ts';
import { difference } from '../end-state.ts';
import type { Laboratory } from '../run.ts';
import { needsTeacher, type Step } from './declarations.ts';
import { pause, Place, type Expectation, type Rooted } from './place.ts';

const service = { plural: 'modelservices', name: 'random' } as const;

const conditionOf = ({ status }: Rooted, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** The whole status speaks of the newest spec. */
const isCurrent = ({ status, metadata }: Rooted): boolean =>
  status?.['observedGeneration'] === metadata.generation &&
  status?.conditions?.every(({ observedGeneration }) => observedGeneration === metadata.generation) === true;

const serves: Expectation = (object) => {
  const { status, spec } = object;
  const [accepted, progressing, ready] = ['Accepted', 'Progressing', 'Ready'].map((type) => conditionOf(object, type));
  const isReady = spec['replicas'] === 0 ? ready?.reason === 'Stopped' : ready?.status === 'True';
  const isDone = progressing?.reason === 'RolledOut' && status?.['readyReplicas'] === status?.['replicas'];
  return isCurrent(object) && accepted?.status === 'True' && isReady && isDone ? undefined : 'it serves';
};

/** A condition with the reason, and a sentence that a person can act upon. */
const shows =
  (type: string, reason: string): Expectation =>
  (object) => {
    const condition = conditionOf(object, type);
    const says = condition?.reason === reason && condition.message.split(' ').length > 3 && condition.status !== 'True';
    return isCurrent(object) && says ? undefined : `${type} says ${reason}`;
  };

export function expectationOf({ sort, names }: Step): Expectation {
  if (sort === 'good') return serves;
  return shows(sort === 'unmet' ? 'Accepted' : 'Ready', names);
}

/** Declares one after the other; throws where one is not taken, refused or shown as it should be. */
export async function walk(place: Place, steps: readonly Step[]): Promise<void> {
  let last: Step | undefined;
  for (const step of steps) {
    const said = await place.declare(step.spec);
    const isRight = step.sort === 'refused' ? said?.includes(step.names) === true : said === undefined;
    if (!isRight) throw new Error(`a ${step.sort} declaration: ${said ?? 'taken'}; ${JSON.stringify(step)}`);
    // What was refused changes nothing, so that the one before still is what is declared.
    if (step.sort !== 'refused') last = step;
    if (last === undefined) continue;
    if (step.hurry) await pause(Math.floor(JSON.stringify(step.spec).length % 5) * 60);
    else await place.rest(expectationOf(last));
  }
}

const patienceMs = 15_000;

/** A service that is to have no replicas may remember an earlier proof, or never have had one. */
const comparable = (state: readonly string[], { spec }: Step): readonly string[] =>
  spec['replicas'] === 0 ? state.map((text) => text.replaceAll(/,\s*"verifiedRevision": "[^"]*"/g, '')) : state;

/** The differences from a state that stay. */
async function apart(place: Place, expected: readonly string[], last: Step): Promise<readonly string[]> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = difference(comparable(expected, last), comparable(await place.state(), last));
    if (found.length === 0 || performance.now() > endMs) return found;
    await pause(300);
  }
}

async function within<T>(places: readonly Place[], withTeacher: boolean, live: () => Promise<T>): Promise<T> {
  try {
    await Promise.all(places.map((place) => place.open(withTeacher)));
    return await live();
  } finally {
    await Promise.all(places.map((place) => place.close()));
  }
}

const newPlace = (laboratory: Laboratory, api: RawApi): Place => new Place(laboratory, api, service);

/** A late controller is answered, and rightly so; what is written three times over is written for nothing. */
async function persistentWrites(place: Place, last: Step): Promise<number> {
  let writes = 0;
  for (let turn = 0; turn < 3; turn += 1) {
    writes = await place.writesAtRest();
    if (writes === 0) return 0;
    await place.rest(expectationOf(last));
  }
  return writes;
}

async function complaints(place: Place, expected: readonly string[], last: Step): Promise<readonly string[]> {
  const differences = await apart(place, expected, last);
  const writes = await persistentWrites(place, last);
  const all = [...differences, ...(writes === 0 ? [] : [`${String(writes)} writes at rest`])];
  return all.length === 0 ? [] : [...all, place.log()];
}

/** The chain in one namespace, its last declaration alone in another: what differs in the end. */
export async function lastAloneDecides(
  laboratory: Laboratory,
  api: RawApi,
  steps: readonly Step[],
): Promise<readonly string[]> {
  const [chained, fresh] = [newPlace(laboratory, api), newPlace(laboratory, api)];
  const last = steps.at(-1)!;
  return within([chained, fresh], needsTeacher(steps), async () => {
    await Promise.all([walk(chained, steps), walk(fresh, [last])]);
    return complaints(chained, await fresh.state(), last);
  });
}

/** Good, then bad ones, then the same good one again: what differs from before. */
export async function goodAgain(
  laboratory: Laboratory,
  api: RawApi,
  good: Step,
  bad: readonly Step[],
): Promise<readonly string[]> {
  const place = newPlace(laboratory, api);
  const calm = { ...good, hurry: false };
  return within([place], needsTeacher([good, ...bad]), async () => {
    await walk(place, [calm]);
    const before = await place.state();
    await walk(place, [...bad, calm]);
    return complaints(place, before, good);
  });
}
