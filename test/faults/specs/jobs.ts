/**
 * Declarations of a TrainingJob or DistillationJob at random. A job is one run: most of its spec never changes, and what
 * does, changes back and forth: `suspend`, the deadline, the patience with a hang and the time to live.
 */
import fc from 'fast-check';
import { specSchema, validSpec } from './arbitrary.ts';
import { teacherName } from './declarations.ts';
import { mistakenSpec } from './mistakes.ts';
import { asJson, broken, filled, without, type Json } from './rules.ts';
import type { Declared } from './walk.ts';

export type JobPlural = 'trainingjobs' | 'distillationjobs';

/** How its pods go on: for ever, or to a good end. */
export type Ending = 'runs on' | 'succeeds';

/** What a job may name, or ask for, that nobody has: the reason that a condition must show. */
export type Lack = 'ProfileUnknown' | 'TeacherNotFound' | 'QueueMissing' | 'Unschedulable';

export interface JobStep extends Declared {
  readonly lacks?: Lack;
}

export interface JobChain {
  readonly ending: Ending;
  readonly steps: readonly JobStep[];
}

/** Few workers, profiles of the installation, and teachers that can be had. */
const narrowed = {
  'distribution.workers': fc.integer({ min: 1, max: 2 }),
  'placement.gpuProfiles': fc.array(fc.constantFrom('cpu', 'gpu'), { minLength: 1, maxLength: 3 }),
  'teacher.trainingJob': fc.constant({ name: teacherName }),
  'retry.deadlineSeconds': fc.integer({ min: 3600, max: 31_536_000 }),
};

/** What may change: none of it ends a job within a test, in which nobody asks workers for their steps. */
const changeable = fc.record({
  suspend: fc.boolean(),
  deadlineSeconds: fc.option(fc.integer({ min: 3600, max: 31_536_000 }), { nil: undefined }),
  stallSeconds: fc.option(fc.integer({ min: 0, max: 86_400 }), { nil: undefined }),
  ttlSecondsAfterFinished: fc.option(fc.integer({ min: 3600, max: 315_360_000 }), { nil: undefined }),
});
type Changeable = typeof changeable extends fc.Arbitrary<infer T> ? T : never;

/** What of `retry` cannot be changed. */
const retryOf = fc.record({ limit: fc.integer({ min: 0, max: 10 }) }, { requiredKeys: [] });

/** The rest, without queues and priorities that the cluster does not know. What of `retry` may change is drawn anew for each declaration. */
const baseOf = (plural: JobPlural): fc.Arbitrary<Json> =>
  fc.tuple(validSpec(specSchema(plural), narrowed), retryOf).map(([spec, retry]) => {
    const rest = without(spec, 'suspend', 'ttlSecondsAfterFinished');
    const placement = without(asJson(rest['placement']), 'queueName', 'priorityClassName');
    return { ...rest, placement, retry };
  });

function declared(
  base: Json,
  { suspend, deadlineSeconds, stallSeconds, ttlSecondsAfterFinished }: Changeable,
  hurry: boolean,
): Declared {
  const retry = {
    ...asJson(base['retry']),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    ...(stallSeconds === undefined ? {} : { stallSeconds }),
  };
  const ttl = ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished };
  return { spec: { ...base, ...ttl, retry, suspend }, hurry, refusedWith: undefined };
}

const immutable: Readonly<Record<JobPlural, readonly string[]>> = {
  trainingjobs: [...['task', 'model', 'data', 'optimization', 'distribution', 'placement', 'checkpoint', 'evaluation']],
  distillationjobs: [
    ...['teacher', 'student', 'data', 'method', 'control', 'optimization', 'distribution', 'placement', 'checkpoint'],
    'evaluation',
  ],
};

/** Another valid spec whose every difference may not be. */
const otherRun = (plural: JobPlural, base: Json): fc.Arbitrary<Declared> => {
  const schema = specSchema(plural);
  const stored = asJson(filled(schema, base));
  return fc
    .tuple(fc.constantFrom(...immutable[plural]), validSpec(schema, narrowed))
    .map(([field, other]) => ({ ...base, [field]: asJson(filled(schema, other))[field] }))
    .filter(
      (spec) => isOther(stored, asJson(filled(schema, spec))) && broken(schema, filled(schema, spec)).length === 0,
    )
    .map((spec) => ({ spec, hurry: false, refusedWith: 'cannot be changed' }));
};

/** Numbers and texts of a quantity are the same to us, and not to the API server: both are stored as they are written. */
const isOther = (one: Json, other: Json): boolean => JSON.stringify(sorted(one)) !== JSON.stringify(sorted(other));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

const mistaken = (plural: JobPlural): fc.Arbitrary<Declared> =>
  mistakenSpec(specSchema(plural), narrowed).map(({ spec, mistake }) => ({
    ...{ spec, hurry: false, refusedWith: mistake.field },
  }));

export const badJob = (plural: JobPlural, base: Json): fc.Arbitrary<Declared> =>
  fc.oneof({ arbitrary: otherRun(plural, base), weight: 2 }, { arbitrary: mistaken(plural), weight: 1 });

/** Up to six declarations of one run, the last of which is taken and, where the run is to end, lets it run. */
export function jobChain(plural: JobPlural): fc.Arbitrary<JobChain> {
  return fc.tuple(baseOf(plural), fc.constantFrom<Ending>('runs on', 'succeeds')).chain(([base, ending]) => {
    const taken = fc.tuple(changeable, fc.boolean()).map(([change, hurry]) => declared(base, change, hurry));
    const any = fc.oneof({ arbitrary: taken, weight: 3 }, { arbitrary: badJob(plural, base), weight: 1 });
    const last = changeable.map((change) =>
      declared(base, ending === 'succeeds' ? { ...change, suspend: false } : change, false),
    );
    return fc
      .tuple(taken, fc.array(any, { maxLength: 4 }), last)
      .map(([first, between, end]) => ({ ending, steps: [first, ...between, end] }));
  });
}

/** Declarations of one run that names what is not there; `reason`: what a condition must say of it. */
export interface LackingChain {
  readonly reason: Lack;
  readonly steps: readonly Declared[];
}

const placed = (base: Json, more: Json): Json => ({ ...base, placement: { ...asJson(base['placement']), ...more } });

/** More than any node has: what asks for it finds no room. */
export const noNodesMemory = '63Ti';
const share = { cpu: '1', memory: noNodesMemory };

/** Of what is not there, a profile, a queue and a node never come, and a teacher may come later. */
const lacking: Readonly<Record<Lack, (base: Json) => Json>> = {
  ProfileUnknown: (base) => placed(base, { gpuProfiles: ['no-such-profile', 'cpu'] }),
  QueueMissing: (base) => placed(base, { queueName: 'no-such-queue' }),
  TeacherNotFound: (base) => ({ ...base, teacher: { trainingJob: { name: teacherName } } }),
  Unschedulable: (base) => placed(base, { resources: { requests: share, limits: share } }),
};

const reasonsOf: Readonly<Record<JobPlural, readonly Lack[]>> = {
  trainingjobs: ['ProfileUnknown', 'QueueMissing', 'Unschedulable'],
  distillationjobs: ['TeacherNotFound', 'ProfileUnknown', 'QueueMissing', 'Unschedulable'],
};

/** What needs a GPU may not name the profile of none beside it. */
const isValid = (plural: JobPlural, spec: Json): boolean => {
  const schema = specSchema(plural);
  return broken(schema, filled(schema, spec)).length === 0;
};

/** A declaration, and another one that would let it run. */
export function lackingJob(plural: JobPlural): fc.Arbitrary<LackingChain> {
  const lacks = fc
    .tuple(baseOf(plural), fc.constantFrom(...reasonsOf[plural]))
    .map(([base, reason]) => ({ reason, spec: lacking[reason](base) }))
    .filter(({ spec }) => isValid(plural, spec));
  return fc.tuple(lacks, changeable, changeable, fc.boolean()).map(([{ reason, spec }, first, last, hurry]) => {
    return { reason, steps: [declared(spec, first, hurry), declared(spec, { ...last, suspend: false }, false)] };
  });
}

/** Nobody else of this name is there, who teaches others. */
const nobody: Json = { teacher: { trainingJob: { name: 'nobody' } } };

/** Another run of the same name, that is taken and lacks something. */
const lackingStep = (plural: JobPlural, base: Json): fc.Arbitrary<JobStep> =>
  fc
    .tuple(fc.constantFrom(...reasonsOf[plural]), changeable)
    .map(([lacks, change]): JobStep => {
      const spec = { ...lacking[lacks](base), ...(lacks === 'TeacherNotFound' ? nobody : {}) };
      return { ...declared(spec, { ...change, suspend: false }, false), lacks, anew: true };
    })
    .filter(({ spec }) => isValid(plural, spec));

/** A declaration, bad ones that come after it, among them one that is taken, and the first one again. */
export function jobAndBad(plural: JobPlural): fc.Arbitrary<JobChain> {
  const lacks = baseOf(plural).filter((base) => reasonsOf[plural].some((lack) => isValid(plural, lacking[lack](base))));
  return fc.tuple(lacks, changeable, fc.constantFrom<Ending>('runs on', 'succeeds')).chain(([base, change, ending]) => {
    const good = declared(base, change, false);
    const refused = fc.array(badJob(plural, base), { maxLength: 2 });
    return fc.tuple(refused, lackingStep(plural, base), fc.nat(2)).map(([bad, taken, at]) => {
      return { ending, steps: [good, ...bad.toSpliced(at, 0, taken), { ...good, anew: true }] };
    });
  });
}
