/** Chains of declarations of one job: what each must come to, and what must be the same in the end. */
import type { RawApi } from '../../support/raw-api.ts';
import type { Laboratory } from '../laboratory.ts';
import { teacherName } from './declarations.ts';
import type { Ending, JobChain, JobPlural, JobStep, Lack, LackingChain } from './jobs.ts';
import { Place, type Expectation } from './place.ts';
import { asJson, without, type Json } from './rules.ts';
import { complaints, conditionOf, isCurrent, walk, within, type Declared } from './walk.ts';

const isFinished: Expectation = (object) => {
  const succeeded = conditionOf(object, 'Succeeded');
  const isOver = succeeded?.reason === 'GatesPassed' || succeeded?.reason === 'GateNotMet';
  return isCurrent(object) && isOver ? undefined : 'it has come to its end';
};

const isIn =
  (phase: string, reason: string): Expectation =>
  (object) =>
    isCurrent(object) && object.status?.phase === phase && conditionOf(object, 'Progressing')?.reason === reason
      ? undefined
      : `it is ${phase}`;
const isSuspended = isIn('Suspended', 'Suspended');
const isRunning = isIn('Running', 'AttemptRunning');

/** A run that may end may have ended before it was suspended, and stays so whatever is declared. */
const expectationOf =
  (ending: Ending) =>
  ({ spec }: Declared): Expectation =>
  (object) => {
    const isThere = spec['suspend'] === true ? isSuspended : ending === 'runs on' ? isRunning : isFinished;
    const missing = isThere(object);
    return missing !== undefined && ending === 'succeeds' && isFinished(object) === undefined ? undefined : missing;
  };

interface Seen {
  readonly kind: string;
  readonly phase?: string;
  readonly spec?: Json;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly status?: { readonly attempts?: readonly { readonly number: number; readonly outcome?: string }[] };
}

const isRoot = ({ metadata, status }: Seen): boolean => metadata.name === 'random' && status !== undefined;
const isDeclared = (text: string): boolean => isRoot(JSON.parse(text) as Seen);

const attemptOf = ({ metadata }: Seen): string | undefined => metadata.labels?.['limbeck.dev/attempt'];

/**
 * How often a run was suspended is history: of an attempt that was, its record and what it left may stay, apart from
 * pods that run; so is the workers' Service where no other attempt was made. The last attempt counts, whatever its number.
 */
function comparable(state: readonly string[]): readonly string[] {
  const objects = state.map((text) => JSON.parse(text) as Seen);
  const root = objects.find(isRoot);
  const last = root?.status?.attempts?.findLast(({ outcome }) => outcome !== 'Suspended');
  const isHistory = (object: Seen): boolean => {
    if (object.kind === 'Service') return last === undefined;
    const attempt = attemptOf(object);
    const isOld = attempt !== undefined && attempt !== String(last?.number);
    const mayRun = object.phase === 'Running' || object.phase === 'Pending';
    return isOld && !mayRun && object.metadata.name.startsWith('random-');
  };
  // Sorted anew: of two attempts the numbers may have decided which comes first.
  return objects
    .filter((object) => !isHistory(object))
    .map((object) => unnumbered(object === root ? withoutHistory(root) : object))
    .toSorted();
}

/** The TrainingJob that taught an attempt teaches all that follow, since its checkpoints may be there; before, none is fixed. */
function withoutHistory({ status, ...object }: Seen): object {
  const { attempts = [], ...rest } = status ?? {};
  const kept = attempts.filter(({ outcome }) => outcome !== 'Suspended');
  const isNamed = 'trainingJob' in asJson(object.spec?.['teacher']);
  const fixed = isNamed && kept.length === 0 ? ['teacherArtefact'] : [];
  const told = without(asJson(rest), 'attemptCount', 'startedAt', ...fixed);
  return { ...object, status: { ...told, attempts: kept } };
}

const unnumbered = (object: object): string =>
  JSON.stringify(object, undefined, 1)
    .replaceAll(/random-a\d+/g, 'random-a')
    .replaceAll(/(attempt\\?": ?\\?"?)\d+/g, '$1')
    .replaceAll(/"number": \d+/g, '"number"');

const needsTeacher = (steps: readonly Declared[]): boolean =>
  steps.some(({ spec }) => asJson(asJson(spec['teacher'])['trainingJob'])['name'] === teacherName);

export interface JobWorld {
  readonly laboratory: Laboratory;
  readonly api: RawApi;
  readonly plural: JobPlural;
}

const newPlace = ({ laboratory, api, plural }: JobWorld, ending: Ending): Place =>
  new Place({ laboratory, api, what: { plural, name: 'random' }, runsOn: ending === 'runs on' });

/** The chain in one namespace, its last declaration alone in another: what differs in the end. */
export async function lastJobDecides(world: JobWorld, { ending, steps }: JobChain): Promise<readonly string[]> {
  const [chained, fresh] = [newPlace(world, ending), newPlace(world, ending)];
  const last = steps.at(-1)!;
  const expected = expectationOf(ending);
  return within([chained, fresh], needsTeacher(steps), async () => {
    await Promise.all([walk(chained, steps, expected), walk(fresh, [last], expected)]);
    return complaints(chained, { expected: await fresh.state(), comparable, atRest: expected(last) });
  });
}

/** Some condition says what is not there, in a sentence that a person can act upon. */
const tells =
  (reason: Lack) =>
  ({ spec }: Declared): Expectation =>
  (object) => {
    const told = object.status?.conditions?.find((condition) => condition.reason === reason);
    // An attempt that finds no room has begun all the same.
    const mayBeTrue = reason === 'Unschedulable';
    const isTold = told !== undefined && (mayBeTrue || told.status !== 'True') && told.message.split(' ').length > 3;
    const isRight = isTold || (spec['suspend'] === true && isSuspended(object) === undefined);
    return isCurrent(object) && isRight ? undefined : `a condition says ${reason}`;
  };

/** For want of room all is made that anybody makes; and it is the same, whatever was declared before. */
async function waitsForRoom(world: JobWorld, steps: readonly Declared[]): Promise<readonly string[]> {
  const [place, fresh] = [newPlace(world, 'runs on'), newPlace(world, 'runs on')];
  const [told, last] = [tells('Unschedulable'), steps.at(-1)!];
  return within([place, fresh], needsTeacher(steps), async () => {
    await Promise.all([walk(place, steps, told), walk(fresh, [last], told)]);
    return complaints(place, { expected: await fresh.state(), comparable, atRest: told(last) });
  });
}

/**
 * What is not there is told, and nothing is made meanwhile, but for want of room; a teacher that comes late is as good as one
 * that was there.
 */
export async function lackIsTold(world: JobWorld, { reason, steps }: LackingChain): Promise<readonly string[]> {
  if (reason === 'Unschedulable') return waitsForRoom(world, steps);
  const [place, fresh] = [newPlace(world, 'runs on'), newPlace(world, 'runs on')];
  const [told, last] = [tells(reason), steps.at(-1)!];
  const isTeacherThere = reason !== 'TeacherNotFound' && needsTeacher(steps);
  return within([place, fresh], isTeacherThere, async () => {
    const before = await place.state();
    await walk(place, steps, told);
    const expected = await place.state();
    const made = expected.filter((object) => !before.includes(object) && !isDeclared(object));
    const atRest = { expected, comparable: (state: readonly string[]) => state, atRest: told(last) };
    const wrong = [...made.map((object) => `it made ${object}`), ...(await complaints(place, atRest))];
    if (wrong.length > 0 || reason !== 'TeacherNotFound') return wrong;
    await Promise.all([place.teach(), fresh.teach()]);
    await Promise.all([place.rest(isRunning), walk(fresh, [last], () => isRunning)]);
    return complaints(place, { expected: await fresh.state(), comparable, atRest: isRunning });
  });
}

/** Good, then refused ones and one that lacks something, then the same good one again: nothing may differ from before. */
export async function badLeavesNothing(world: JobWorld, { ending, steps }: JobChain): Promise<readonly string[]> {
  const place = newPlace(world, ending);
  const [good, ...others] = steps;
  const isAsDeclared = expectationOf(ending);
  const expected = (step: JobStep): Expectation =>
    step.lacks === undefined ? isAsDeclared(step) : tells(step.lacks)(step);
  return within([place], needsTeacher(steps), async () => {
    await walk(place, [good!], expected);
    const before = await place.state();
    await walk(place, others, expected);
    return complaints(place, { expected: before, comparable: (state) => state, atRest: expected(good!) });
  });
}
