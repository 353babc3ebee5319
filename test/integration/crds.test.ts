/** What the API server takes, fills in, keeps and shows of the three kinds. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { least } from '../support/minimal-specs.ts';
import { changed, example, pathOf, type Plural, type RawAnswer, type RawBody } from '../support/raw-api.ts';

const { api, namespace } = withDefinitions('crds');

const create = (plural: Plural, object: unknown): Promise<RawAnswer> =>
  api.call(pathOf(namespace, plural), { method: 'POST', query: { fieldValidation: 'Strict' }, body: object });
const named = (plural: Plural, changes: Readonly<Record<string, unknown>> = {}): RawBody =>
  changed(least[plural], { 'metadata.name': `n${randomUUID().slice(0, 8)}`, ...changes });
const merge = (plural: Plural, name: string, body: unknown): Promise<RawAnswer> =>
  api.call(`${pathOf(namespace, plural)}/${name}`, {
    ...{ method: 'PATCH', contentType: 'application/merge-patch+json', body },
    query: { fieldValidation: 'Strict' },
  });

const resources = (cpu: string, memory: string, memoryLimit: string): object => ({
  requests: { cpu, memory },
  limits: { cpu: '1', memory: memoryLimit },
});
const run = {
  optimization: {
    ...{ optimizer: 'adam', schedule: 'oneCycle', batchSize: 64, seed: 0 },
    ...{ weightDecay: 0, precision: 'float32', accumulate: 1 },
  },
  distribution: { workers: 1, processesPerWorker: 1, strategy: 'auto' },
  placement: { gpuProfiles: ['cpu'], resources: resources('500m', '1Gi', '2Gi') },
  checkpoint: { everySeconds: 30, keep: 2 },
  evaluation: { gates: [] },
  retry: { limit: 3 },
  suspend: false,
};
const split = { validation: 0.1, test: 0.2, seed: 0 };

test.each<[Plural, object]>([
  ['trainingjobs', { ...run, data: { source: { builtin: 'digits' }, split } }],
  [
    'distillationjobs',
    {
      ...{ ...run, data: { source: { builtin: 'digits' }, split }, control: true },
      optimization: { ...run.optimization, learningRate: 0.001, epochs: 10 },
      method: { response: { temperature: 4, alpha: 0.9 } },
    },
  ],
  [
    'modelservices',
    {
      runtime: { onnx: {} },
      scaling: {
        ...{ minReplicas: 0, maxReplicas: 4, target: { inFlight: 4 }, idleSeconds: 60 },
        ...{ maxColdStartSeconds: 120, queueLimit: 1000, maxInFlightPerReplica: 100 },
      },
      placement: { gpuProfiles: ['cpu'], resources: resources('100m', '128Mi', '512Mi') },
    },
  ],
])('the least of %s is filled up with the documented defaults', async (plural, defaults) => {
  const { status, body } = await create(plural, named(plural));
  expect(status).toBe(201);
  expect(body.spec).toEqual({ ...least[plural].spec, ...defaults });
});

test.each<['teacher' | 'student' | 'service', Plural]>([
  ['teacher', 'trainingjobs'],
  ['student', 'distillationjobs'],
  ['service', 'modelservices'],
])('the example %s is stored as it is written', async (file, plural) => {
  const object = await example(file);
  const { status, body } = await create(plural, object);
  expect(status).toBe(201);
  expect(body.spec).toMatchObject(object.spec);
});

describe('taken are', () => {
  const bounds = 's3://a-bucket.of.mine/very deep/x.npz'.replace(' ', '-');
  test.each<[what: string, plural: Plural, changes: Readonly<Record<string, unknown>>]>([
    ['a name of 52 characters', 'trainingjobs', { 'metadata.name': 'a'.repeat(52) }],
    ['a single letter', 'modelservices', { 'metadata.name': 'a' }],
    ['a linear model', 'trainingjobs', { 'spec.model': { linear: {} } }],
    ['a wide layer', 'trainingjobs', { 'spec.model': { mlp: { hidden: [16384] } } }],
    ['a deep cnn', 'trainingjobs', { 'spec.model': { cnn: { channels: [64, 128, 256, 512, 512], hidden: 4096 } } }],
    ['data in a store', 'trainingjobs', { 'spec.data.source': { s3: { uri: bounds, sha256: '0'.repeat(64) } } }],
    ['as many workers as samples in a batch', 'trainingjobs', { 'spec.distribution.workers': 64 }],
    ['a learning rate without decimals', 'trainingjobs', { 'spec.optimization.learningRate': 1 }],
    ['no validation', 'trainingjobs', { 'spec.data.split.validation': 0 }],
    ['CPUs as a number', 'trainingjobs', { 'spec.placement.resources.limits.cpu': 2 }],
    ['memory in bytes', 'trainingjobs', { 'spec.placement.resources.limits.memory': 2 ** 31 }],
    [
      'a loss that is allowed',
      'distillationjobs',
      { 'spec.evaluation.gates': [{ metric: 'gainOverControl', atLeast: -1 }] },
    ],
    [
      'a floor for every class, and a higher one for two',
      'trainingjobs',
      {
        'spec.evaluation.gates': [
          { metric: 'recall', atLeast: 0.8 },
          { metric: 'recall', class: '8', atLeast: 0.9 },
          { metric: 'recall', class: '9', atLeast: 0.9 },
        ],
      },
    ],
    ['a ceiling', 'trainingjobs', { 'spec.evaluation.gates': [{ metric: 'logLoss', atMost: 0.2 }] }],
    ['a teacher without labels', 'distillationjobs', { 'spec.method.response.alpha': 1, 'spec.data.labelled': 10 }],
    [
      'an artefact in a folder',
      'modelservices',
      { 'spec.model': { artefact: { uri: 's3://bucket/x/', sha256: 'a'.repeat(64) } } },
    ],
    ['a pin of 0', 'modelservices', { 'spec.replicas': 0 }],
    ['a pin above maxReplicas', 'modelservices', { 'spec.replicas': 9 }],
    ['no scale to zero', 'modelservices', { 'spec.scaling.minReplicas': 4 }],
  ])('%s', async (_, plural, changes) => {
    const { body } = await create(plural, named(plural, changes));
    expect(body).toMatchObject({ metadata: { generation: 1 } });
  });
});

describe('a job', () => {
  const gate = { metric: 'accuracy', atLeast: 0.5 };
  const spec: Readonly<Record<string, object>> = {
    model: { mlp: { hidden: [17] } },
    data: { split: { seed: 1 } },
    optimization: { epochs: 11 },
    distribution: { workers: 2 },
    placement: { gpuProfiles: ['gpu'] },
    checkpoint: { keep: 3 },
    evaluation: { gates: [gate] },
    'retry.limit': { retry: { limit: 4 } },
  };
  const own: readonly (readonly [Plural, string, object])[] = [
    ['distillationjobs', 'teacher', { teacher: { trainingJob: { name: 'other' } } }],
    ['distillationjobs', 'student', { student: { mlp: { hidden: [17] } } }],
    ['distillationjobs', 'method', { method: { response: { alpha: 0.5 } } }],
    ['distillationjobs', 'control', { control: false }],
    ['distillationjobs', 'data', { data: { labelled: 10 } }],
  ];
  const changes = Object.entries(spec).map(([field, value]): readonly [Plural, string, object] => [
    'trainingjobs',
    field,
    field === 'retry.limit' ? value : { [field]: value },
  ]);

  test.each([...changes, ...own])('%s keeps its %s', async (plural, field, change) => {
    const { body } = await create(plural, named(plural));
    const changedNow = await merge(plural, body.metadata.name, { spec: change });
    expect(changedNow.status).toBe(422);
    expect(changedNow.body.message).toContain(`spec.${field}: `);
    expect(changedNow.body.message).toContain('cannot be changed, because a');
    expect(changedNow.body.message).toContain('make a new one under another name');
  });

  test.each(['trainingjobs', 'distillationjobs'] as const)(
    '%s may be suspended, given time and let go',
    async (plural) => {
      const { body } = await create(plural, named(plural));
      const later = { suspend: true, ttlSecondsAfterFinished: 60, retry: { deadlineSeconds: 60 } };
      const answer = await merge(plural, body.metadata.name, { spec: later });
      expect(answer.body).toMatchObject({ spec: { ...later, retry: { limit: 3, deadlineSeconds: 60 } } });
    },
  );

  test('may be applied again as it is', async () => {
    const { body } = await create('trainingjobs', named('trainingjobs'));
    expect(
      (await merge('trainingjobs', body.metadata.name, { spec: least.trainingjobs.spec })).body.metadata.generation,
    ).toBe(1);
  });
});

test('a ModelService may be changed: another model, another scale', async () => {
  const { body } = await create('modelservices', named('modelservices'));
  const spec = { model: { trainingJob: null, distillationJob: { name: 'student' } }, scaling: { maxReplicas: 8 } };
  const answer = await merge('modelservices', body.metadata.name, { spec });
  expect(answer.body.spec).toMatchObject({
    model: { distillationJob: { name: 'student' } },
    scaling: { maxReplicas: 8 },
  });
});

test('kubectl scale pins the replicas within their bounds, and scale tells pods from wishes', async () => {
  const { body } = await create('modelservices', named('modelservices'));
  const path = `${pathOf(namespace, 'modelservices')}/${body.metadata.name}`;
  const selector = `limbeck.dev/model-service=${body.metadata.name}`;
  const patch = (where: string, change: object): Promise<RawAnswer> =>
    api.call(`${path}/${where}`, { method: 'PATCH', contentType: 'application/merge-patch+json', body: change });
  await patch('status', { status: { replicas: 2, selector } });
  // Kubernetes has no answer for a wish that nobody has stated; a default would be a pin.
  const unset = await api.call(`${path}/scale`);
  expect([unset.status, unset.body.message]).toEqual([500, expect.stringContaining('".spec.replicas" does not exist')]);
  expect((await patch('scale', { spec: { replicas: 3 } })).status).toBe(200);
  const { body: scale } = await api.call(`${path}/scale`);
  expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 3 }, status: { replicas: 2, selector } });

  const put = (replicas: number): Promise<RawAnswer> =>
    api.call(`${path}/scale`, { method: 'PUT', body: { ...scale, spec: { replicas } } });
  expect((await put(1001)).body.message).toContain('spec.replicas');
  expect((await put(0)).status).toBe(200);
  expect((await api.call(path)).body.spec.replicas).toBe(0);
});

test('a status that is written as a spec is left out, and the other way round', async () => {
  const { body } = await create('trainingjobs', named('trainingjobs', { status: { phase: 'Succeeded' } }));
  expect(body.status).toBeUndefined();
  const answer = await api.call(`${pathOf(namespace, 'trainingjobs')}/${body.metadata.name}/status`, {
    ...{ method: 'PATCH', contentType: 'application/merge-patch+json' },
    body: { spec: { suspend: true }, status: { phase: 'Running' } },
  });
  expect(answer.body).toMatchObject({ spec: { suspend: false }, status: { phase: 'Running' } });
});

test('short names and the category lead to the kinds', async () => {
  const { body } = await api.call('/apis/limbeck.dev/v1alpha1');
  const kinds = (body.resources ?? []).filter(({ name }) => !name.includes('/'));
  const entries = kinds.map(({ name, ...kind }) => [name, [kind.shortNames, kind.categories, kind.namespaced]]);
  expect(Object.fromEntries(entries)).toEqual({
    trainingjobs: [['tj'], ['limbeck'], true],
    distillationjobs: [['dj'], ['limbeck'], true],
    modelservices: [['msvc'], ['limbeck'], true],
  });
});

const condition = (type: string): object => ({
  ...{ type, status: 'True', reason: 'Verified', message: 'so', lastTransitionTime: '2026-01-01T00:00:00Z' },
});

test.each<[Plural, object, Readonly<Record<string, unknown>>]>([
  [
    'trainingjobs',
    { model: 'mlp 16', phase: 'Running', progress: '43%', metric: 'accuracy 0.983', attemptCount: 1 },
    { Model: 'mlp 16', Workers: 1, Phase: 'Running', Progress: '43%', Metric: 'accuracy 0.983', Attempts: 1 },
  ],
  [
    'distillationjobs',
    { teacher: 't', student: 'mlp 16', phase: 'Failed', accuracy: '0.9', gain: '+0.05', size: '5 KiB (1/14)' },
    { Teacher: 't', Student: 'mlp 16', Phase: 'Failed', Accuracy: '0.9', Gain: '+0.05', Size: '5 KiB (1/14)' },
  ],
  [
    'modelservices',
    { model: 'm', replicas: 2, url: 'http://x', revision: 'r', conditions: [condition('Ready'), condition('Active')] },
    { Model: 'm', Ready: 'True', Replicas: 2, Active: 'True', URL: 'http://x', Revision: 'r' },
  ],
])('kubectl get %s shows how things stand', async (plural, status, cells) => {
  const { body } = await create(plural, named(plural));
  const path = `${pathOf(namespace, plural)}/${body.metadata.name}`;
  const written = await api.call(`${path}/status`, {
    ...{ method: 'PATCH', contentType: 'application/merge-patch+json', body: { status } },
  });
  expect(written.status).toBe(200);
  const table = await api.call(path, { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' });
  const names = (table.body.columnDefinitions ?? []).map((column) => column.name);
  const cellsShown = table.body.rows?.[0]?.cells ?? [];
  const shown = Object.fromEntries(names.map((name, index) => [name, cellsShown[index]]));
  expect(shown).toMatchObject({ Name: body.metadata.name, ...cells });
  expect(names.at(-1)).toBe('Age');
});
