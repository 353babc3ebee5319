/** Declarations of a ModelService at random: good ones, and four sorts of bad ones. */
import fc from 'fast-check';
import { specSchema, validSpec } from './arbitrary.ts';
import { mistakenSpec } from './mistakes.ts';
import { asJson, broken, filled, type Json } from './rules.ts';
import type { Declared } from './walk.ts';

/**
 * good: can be served. stuck: its replicas never get ready. unmet: it names what does not exist. refused: the API server
 * does not take it.
 */
export type Sort = 'good' | 'stuck' | 'unmet' | 'refused';

export interface Step extends Declared {
  readonly sort: Sort;
  /** The reason that a condition must show; of a good one and of one that is refused: none. */
  readonly names: string;
}

export const schema = specSchema('modelservices');

/** The one job of a namespace that makes a model. */
export const teacherName = 'teacher';
export const teacherSpec: Json = {
  task: 'classification',
  model: { linear: {} },
  data: { source: { builtin: 'digits' } },
  optimization: { epochs: 1 },
};

/** Artefacts whose replicas never get ready, and what their servers say; the last says nothing. */
export const brokenArtefacts = [
  {
    artefact: { uri: 's3://limbeck/broken/missing', sha256: 'c'.repeat(64) },
    says: { reason: 'ArtefactMissing', message: 'there is no such artefact' },
    reason: 'ArtefactMissing',
  },
  {
    artefact: { uri: 's3://limbeck/broken/digest', sha256: 'd'.repeat(64) },
    says: { reason: 'DigestMismatch', message: 'the file has another digest' },
    reason: 'LoadFailed',
  },
  {
    artefact: { uri: 's3://limbeck/broken/silent', sha256: 'e'.repeat(64) },
    says: undefined,
    reason: 'Starting',
  },
] as const;

/** Few replicas, soon idle, profiles of the installation, and models that can be had. */
const narrowed = {
  'scaling.idleSeconds': fc.constantFrom(1, 2),
  replicas: fc.integer({ min: 0, max: 4 }),
  'scaling.minReplicas': fc.integer({ min: 0, max: 3 }),
  'scaling.maxReplicas': fc.integer({ min: 1, max: 4 }),
  'placement.gpuProfiles': fc.array(fc.constantFrom('cpu', 'gpu'), { minLength: 1, maxLength: 3 }),
  'model.trainingJob': fc.constant({ name: teacherName }),
  'model.distillationJob': fc.constant({ name: 'nobody' }),
};

const hasModel = ({ model }: Json): boolean => !('distillationJob' in asJson(model));

const goodSpec = validSpec(schema, narrowed).filter(hasModel);

/** At least one replica is wanted, so that it can fail. */
const startingSpec = goodSpec.filter(({ replicas }) => replicas !== 0);

const hurry = fc.boolean();
const taken = { refusedWith: undefined };

export const goodStep: fc.Arbitrary<Step> = fc
  .tuple(goodSpec, hurry)
  .map(([spec, isHurried]) => ({ ...taken, sort: 'good', spec, hurry: isHurried, names: '' }));

const stuckStep: fc.Arbitrary<Step> = fc
  .tuple(startingSpec, fc.constantFrom(...brokenArtefacts), hurry)
  .map(([spec, { artefact, reason }, isHurried]) => ({
    ...taken,
    ...{ sort: 'stuck', spec: { ...spec, model: { artefact } }, hurry: isHurried, names: reason },
  }));

/** One whose servers say what they lack, until the conditions do. */
const toldStep: fc.Arbitrary<Step> = stuckStep
  .filter(({ names }) => names !== 'Starting')
  .map((step) => ({ ...step, hurry: false }));

/** Of what must exist, and does not: the model, or the profile. */
const unmet: readonly (readonly [reason: string, change: Json])[] = [
  ['ModelNotFound', { model: { trainingJob: { name: 'no-such-job' } } }],
  ['ModelNotFound', { model: { distillationJob: { name: 'no-such-job' } } }],
  ['ProfileUnknown', { placement: { gpuProfiles: ['no-such-profile', 'cpu'] } }],
];

const unmetStep: fc.Arbitrary<Step> = fc
  .tuple(goodSpec, fc.constantFrom(...unmet), hurry)
  .map(([spec, [names, change], isHurried]) => ({
    ...taken,
    sort: 'unmet',
    spec: { ...spec, ...change },
    hurry: isHurried,
    names,
  }));

const refusedStep: fc.Arbitrary<Step> = mistakenSpec(schema, narrowed).map(({ spec, mistake }) => ({
  ...{ sort: 'refused', spec, hurry: false, names: '', refusedWith: mistake.field },
}));

const badStep: fc.Arbitrary<Step> = fc.oneof(stuckStep, unmetStep, refusedStep);

/** A good one, and bad ones after it, among them one whose servers say what they lack. */
export const goodAndBad: fc.Arbitrary<readonly [good: Step, bad: readonly Step[]]> = fc
  .tuple(goodStep, fc.array(badStep, { maxLength: 2 }), toldStep, fc.nat(2))
  .map(([good, others, told, at]) => [good, others.toSpliced(at, 0, told)]);

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: goodStep, weight: 3 },
  { arbitrary: badStep, weight: 2 },
);

/** Up to six declarations, the last of which can be served. */
export const chain: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.array(anyStep, { maxLength: 5 }), goodStep)
  .map(([steps, last]) => [...steps, { ...last, hurry: false }]);

export const needsTeacher = (steps: readonly Step[]): boolean =>
  steps.some(({ spec }) => asJson(asJson(spec['model'])['trainingJob'])['name'] === teacherName);

/** Whether the steps are what their names say; what fast-check shrinks stays so. */
export const areValid = (steps: readonly Step[]): boolean =>
  steps.every(({ sort, spec }) => sort === 'refused' || broken(schema, filled(schema, spec)).length === 0);
