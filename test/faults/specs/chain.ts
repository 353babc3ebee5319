/** Chains of declarations of one ModelService: what each must come to, and what must be the same in the end. */
import type { RawApi } from '../../support/raw-api.ts';
import type { Laboratory } from '../laboratory.ts';
import { needsTeacher, type Step } from './declarations.ts';
import { Place, type Expectation } from './place.ts';
import { asJson } from './rules.ts';
import { complaints, conditionOf, isCurrent, walk, within } from './walk.ts';

const service = { plural: 'modelservices', name: 'random' } as const;

/** Nobody asks, so that the autoscaler leaves no more than must be. */
const serves: Expectation = (object) => {
  const { status, spec } = object;
  const [accepted, progressing, ready] = ['Accepted', 'Progressing', 'Ready'].map((type) => conditionOf(object, type));
  const isReady = spec['replicas'] === 0 ? ready?.reason === 'Stopped' : ready?.status === 'True';
  const wanted = spec['replicas'] ?? asJson(spec['scaling'])['minReplicas'];
  const isDone = progressing?.reason === 'RolledOut' && status?.['readyReplicas'] === wanted;
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

/** A number of replicas is explained by how it came about, which is history. */
const unexplained = (text: string): string => text.replaceAll(/(wanted(?: now)?) \([^"]*\)/g, '$1');

/** A service that is to have no replicas may remember an earlier proof, or never have had one. */
const comparable =
  ({ spec }: Step) =>
  (state: readonly string[]): readonly string[] =>
    state.map((text) => {
      const told = unexplained(text);
      return spec['replicas'] === 0 ? told.replaceAll(/,\s*"verifiedRevision": "[^"]*"/g, '') : told;
    });

const newPlace = (laboratory: Laboratory, api: RawApi): Place => new Place({ laboratory, api, what: service });

const compared = (expected: readonly string[], last: Step) => ({
  ...{ expected, comparable: comparable(last), atRest: expectationOf(last) },
});

/** The chain in one namespace, its last declaration alone in another: what differs in the end. */
export async function lastAloneDecides(
  laboratory: Laboratory,
  api: RawApi,
  steps: readonly Step[],
): Promise<readonly string[]> {
  const [chained, fresh] = [newPlace(laboratory, api), newPlace(laboratory, api)];
  const last = steps.at(-1)!;
  return within([chained, fresh], needsTeacher(steps), async () => {
    await Promise.all([walk(chained, steps, expectationOf), walk(fresh, [last], expectationOf)]);
    return complaints(chained, compared(await fresh.state(), last));
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
    await walk(place, [calm], expectationOf);
    const before = await place.state();
    await walk(place, [...bad, calm], expectationOf);
    return complaints(place, compared(before, good));
  });
}
