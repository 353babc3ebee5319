/** What a real API server says of optimisation and distribution that cannot be meant, and what it takes. */
import { describe, expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { least } from '../support/minimal-specs.ts';
import { changed, pathOf } from '../support/raw-api.ts';

type Changes = Readonly<Record<string, unknown>>;

const { api, namespace } = withDefinitions('optimisation');
const kinds = ['trainingjobs', 'distillationjobs'] as const;

const create = (plural: (typeof kinds)[number], changes: Changes) =>
  api.call(pathOf(namespace, plural), {
    method: 'POST',
    query: { fieldValidation: 'Strict', dryRun: 'All' },
    body: changed(least[plural], changes),
  });

const optimization = (fields: object): Changes => ({ 'spec.optimization': fields });
const gpus = { 'spec.placement.gpuProfiles': ['gpu'] };
const float16 = optimization({ precision: 'float16' });

describe.each(kinds)('of %s', (kind) => {
  test.each<[Changes]>([
    [optimization({ optimizer: 'adamw', schedule: 'cosine', warmUp: 0.05, weightDecay: 0.01, clipNorm: 1 })],
    [optimization({ precision: 'bfloat16', accumulate: 4, earlyStopping: { patience: 3 } })],
    [{ ...float16, ...gpus }],
    [{ 'spec.distribution': { workers: 8, processesPerWorker: 8, strategy: 'fsdp' } }],
  ])('%j is taken', async (changes) => {
    const { status, body } = await create(kind, changes);
    expect([status, body.message]).toEqual([201, undefined]);
  });

  test.each<[string, Changes, string, string]>([
    [
      'idle processes',
      { 'spec.distribution': { workers: 5, processesPerWorker: 13 } },
      'spec.distribution.workers',
      'workers times processesPerWorker must not exceed',
    ],
    ['an unknown strategy', { 'spec.distribution.strategy': 'ps' }, 'spec.distribution.strategy', '"auto", "ddp"'],
    ['float16 on a CPU', float16, 'spec.optimization.precision', 'needs a GPU; take bfloat16'],
    [
      'float16 in parts',
      { ...float16, ...gpus, 'spec.distribution.strategy': 'fsdp' },
      'spec.optimization.precision',
      'does not go with strategy fsdp',
    ],
    [
      'nothing to watch',
      { ...optimization({ earlyStopping: { patience: 2 } }), 'spec.data.split': { validation: 0 } },
      'spec.optimization.earlyStopping',
      'data.split.validation must be above 0',
    ],
    ['no patience', optimization({ earlyStopping: { patience: 0 } }), 'earlyStopping.patience', 'or equal to 1'],
    ['a clip of 0', optimization({ clipNorm: 0 }), 'spec.optimization.clipNorm', 'must be at least 0.0000001'],
    ['almost only warm-up', optimization({ warmUp: 0.95 }), 'spec.optimization.warmUp', 'or equal to 0.9'],
  ])('%s is refused', async (_, changes, field, words) => {
    const { status, body } = await create(kind, changes);
    expect([400, 422]).toContain(status);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});
