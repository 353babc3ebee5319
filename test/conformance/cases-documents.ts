/** Health, metadata, repository, configuration and statistics. */
import type { Case } from './case.ts';

const get = (name: string, path: string, json: unknown, rest: Partial<Case> = {}): Case => ({
  name,
  request: { path },
  expected: { status: 200, json },
  ...rest,
});

const missing = (name: string, path: string): Case => ({ name, request: { path }, expected: { status: 'mistake' } });

export const documentCases: readonly Case[] = [
  get('health: the server is alive', '/v2/health/live', undefined),
  get('health: the server is ready', '/v2/health/ready', undefined),
  get('health: a model is ready', '/v2/models/mlp/ready', undefined),
  get('health: a version of a model is ready', '/v2/models/two_versions/versions/1/ready', undefined),
  missing('health: a model that is not there is not ready', '/v2/models/nope/ready'),
  get('metadata: of the server', '/v2', {}),
  get('metadata: of a model has inputs and outputs with -1 for open dimensions', '/v2/models/mlp', {
    name: 'mlp',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 3] }],
  }),
  get('metadata: of a version', '/v2/models/mlp/versions/1', { name: 'mlp' }),
  get('metadata: of strings', '/v2/models/id_BYTES', { inputs: [{ name: 'x', datatype: 'BYTES', shape: [-1, -1] }] }),
  missing('metadata: of a model that is not there is a mistake', '/v2/models/nope'),
  missing('metadata: of a version that is not there is a mistake', '/v2/models/mlp/versions/9'),
  {
    name: 'repository: the index names a model that is ready',
    extension: 'model_repository',
    request: { path: '/v2/repository/index', body: { kind: 'json', value: { ready: true } } },
    expected: { status: 200, text: '"mlp"' },
  },
  {
    name: 'repository: loading what is not there is a mistake',
    extension: 'model_repository',
    request: { path: '/v2/repository/models/nope/load', body: { kind: 'json', value: {} } },
    expected: { status: 'mistake' },
  },
  get(
    'configuration: names inputs in its own words',
    '/v2/models/id_INT64/config',
    { input: [{ name: 'x', data_type: 'TYPE_INT64' }] },
    {
      extension: 'model_configuration',
    },
  ),
  get(
    'statistics: of a model',
    '/v2/models/mlp/stats',
    { model_stats: [{ name: 'mlp', version: '1' }] },
    { extension: 'statistics' },
  ),
];
