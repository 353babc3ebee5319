/** What a real API server says of data that cannot be meant, and that it takes every kind of data there is. */
import { describe, expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { least } from '../support/minimal-specs.ts';
import { changed, pathOf } from '../support/raw-api.ts';

const { api, namespace } = withDefinitions('data');
const sha256 = 'a'.repeat(64);

const create = (data: object, more: Readonly<Record<string, unknown>> = {}) =>
  api.call(pathOf(namespace, 'trainingjobs'), {
    method: 'POST',
    query: { fieldValidation: 'Strict', dryRun: 'All' },
    body: changed(least.trainingjobs, { 'spec.data': data, ...more }),
  });

const table = { source: { s3: { uri: 's3://bucket/t.csv' } } };
const folder = { source: { s3: { uri: 's3://bucket/t/' } } };
const pvc = (path: string, claimName = 'disk') => ({ source: { pvc: { claimName, path } } });
const https = (url: string, more: object = { sha256 }) => ({ source: { https: { url, ...more } } });
const path = 'must be a path below the root of the volume';
const address = 'must be https://host/path/to/file';

describe('data is taken', () => {
  test.each([
    [{ ...table, columns: { target: 'price', features: ['a', 'b'], categorical: ['b'], missing: 'impute' } }],
    [{ ...table, format: 'csv', labels: ['no', 'yes'] }],
    [{ ...folder, format: 'parquet', stream: {} }],
    [{ ...folder, format: 'images', stream: {} }],
    [{ source: { hf: { uri: 's3://bucket/datasets/iris' } }, stream: {} }],
    [{ ...pvc('tables/houses.csv') }],
    [{ ...pvc('..2026/odd name.csv') }],
    [{ source: { pvc: { claimName: 'disk' } }, stream: { window: 8 } }],
    [{ ...folder, format: 'images', image: { height: 28, width: 28, channels: 1 } }],
    [{ ...https('https://host.example:8443/data.parquet?version=3') }],
  ])('%j', async (data) => {
    expect(await create(data)).toMatchObject({ status: 201 });
  });
});

describe('a regression is refused with', () => {
  test.each<[string, object, string, string]>([
    ['a data set of classes', { source: { builtin: 'digits' } }, 'spec.data.source', 'digits has classes'],
    ['labels', { ...table, labels: ['a', 'b'] }, 'spec.data.labels', 'which a regression does not have'],
    ['images', { ...folder, format: 'images' }, 'spec.data.format', 'the folders of images name classes'],
  ])('%s', async (_, data, field, words) => {
    const { status, body } = await create(data, { 'spec.task': 'regression' });
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });

  test('nothing but a table and its target', async () => {
    expect(await create(table, { 'spec.task': 'regression' })).toMatchObject({ status: 201 });
  });
});

const transformer = { layers: 2, heads: 4, width: 64, contextLength: 128 };
const language = (more: object = {}) => ({
  'spec.task': 'causalLM',
  'spec.model': { transformer: { ...transformer, ...more } },
});
const texts = { source: { s3: { uri: 's3://bucket/texts/' } } };

describe('a language model', () => {
  test.each([
    [{ ...texts, format: 'text' }],
    [{ ...table, format: 'csv', columns: { text: 'body' } }],
    [{ source: { hf: { uri: 's3://bucket/datasets/stories' } } }],
  ])('learns from %j', async (data) => {
    expect(await create(data, language({ tokenizer: { uri: 's3://bucket/tokenizers/mine' } }))).toMatchObject({
      status: 201,
    });
  });

  test.each<[string, object, object, string, string]>([
    [
      'another model',
      texts,
      { 'spec.task': 'causalLM' },
      'spec.model',
      'is for a transformer, a pretrained or a custom model',
    ],
    [
      'another task',
      texts,
      { ...language(), 'spec.task': 'regression' },
      'spec.model',
      'for causalLM and classification',
    ],
    ['heads that do not divide the width', texts, language({ heads: 5 }), 'model.transformer', 'multiple of heads'],
    ['a model beyond 2 GiB', texts, language({ layers: 64, width: 4096 }), 'model.transformer', 'too large'],
    ['no context', texts, language({ contextLength: 1 }), 'contextLength', 'greater than or equal to 2'],
    ['weights of four bits', texts, language({ weights: 'int4' }), 'weights', 'supported values: "float32", "int8"'],
    ['a tokenizer of the Hub', texts, language({ tokenizer: { uri: 'gpt2' } }), 'tokenizer.uri', 'must be s3://bucket'],
    ['digits', { source: { builtin: 'digits' } }, language(), 'spec.data', 'learns from text alone'],
    ['labels', { ...texts, labels: ['a', 'b'] }, language(), 'spec.data', 'learns from text alone'],
    ['a stream', { ...texts, stream: {} }, language(), 'spec.data', 'learns from text alone'],
    ['arrays', { ...texts, format: 'npz' }, language(), 'spec.data.format', 'text, csv, parquet or jsonl'],
    ['a target', { ...table, columns: { target: 'x' } }, language(), 'spec.data.columns', 'column of texts alone'],
    ['text for a classifier', { ...texts, format: 'text' }, {}, 'spec.data.format', 'is for a transformer'],
    ['texts of a table', { ...table, columns: { text: 'x' } }, {}, 'spec.data.columns', 'is for a transformer'],
    [
      'a gate of another task',
      texts,
      { ...language(), 'spec.evaluation.gates': [{ metric: 'accuracy', atLeast: 0.5 }] },
      'spec.evaluation.gates',
      'the perplexity is measured',
    ],
  ])('is refused with %s', async (_, data, more, field, words) => {
    const { status, body } = await create(data, more as Readonly<Record<string, unknown>>);
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});

const custom = (more: object = {}) => ({
  'spec.model': { custom: { image: 'registry.example/mine:1', command: ['train'], ...more } },
});
const none = { source: { none: {} } };

describe('a transformer that classifies', () => {
  const classifier = { ...language(), 'spec.task': 'classification' };

  test('is refused with the weights of a decoder', async () => {
    const { status, body } = await create(
      { ...texts, format: 'text' },
      { ...classifier, ...language({ weights: 'int8' }), 'spec.task': 'classification' },
    );
    expect(status).toBe(422);
    expect(body.message).toContain('for the task causalLM alone');
  });

  test.each([
    [{ ...texts, format: 'text', labels: ['good', 'bad'] }],
    [{ ...table, format: 'csv', columns: { text: 'body', target: 'kind' } }],
  ])('learns from %j', async (data) => {
    expect(await create(data, classifier)).toMatchObject({ status: 201 });
  });

  test.each<[string, object]>([
    ['digits', { source: { builtin: 'digits' } }],
    ['images', { ...texts, format: 'images' }],
    ['a stream', { ...texts, stream: {} }],
    ['features', { ...table, columns: { features: ['a'] } }],
  ])('is refused with %s', async (_, data) => {
    const { status, body } = await create(data, classifier);
    expect(status).toBe(422);
    expect(body.message).toContain('a transformer classifies texts');
  });
});

const pretrained = (more: object = {}) => ({
  'spec.model': { pretrained: { s3: { uri: 's3://bucket/models/bert' }, ...more } },
});

describe('a pretrained model', () => {
  test.each<[string, object, object]>([
    ['classification', { ...table, columns: { text: 'body', target: 'kind' } }, pretrained({ contextLength: 512 })],
    ['classification', { ...texts, format: 'text' }, pretrained({ s3: { uri: 's3://bucket/models/bert/', sha256 } })],
    ['causalLM', { ...texts, format: 'text' }, pretrained()],
    ['causalLM', { ...texts, format: 'text' }, pretrained({ weights: 'float32' })],
  ])('learns the task %s from %j', async (task, data, model) => {
    expect(await create(data, { ...model, 'spec.task': task })).toMatchObject({ status: 201 });
  });

  const source = 'spec.model.pretrained.s3';
  test.each<[string, object, object, string, string]>([
    [
      'a name of the Hub',
      texts,
      pretrained({ s3: { uri: 'bert-base-uncased' } }),
      `${source}.uri`,
      'must be s3://bucket',
    ],
    ['a bucket alone', texts, pretrained({ s3: { uri: 's3://bucket' } }), `${source}.uri`, 'must be s3://bucket'],
    [
      'a short digest',
      texts,
      pretrained({ s3: { uri: 's3://b-1/m', sha256: 'ab' } }),
      `${source}.sha256`,
      '64 lower-case',
    ],
    ['no source', texts, { 'spec.model': { pretrained: {} } }, source, 'Required value'],
    ['no context', texts, pretrained({ contextLength: 1 }), 'contextLength', 'greater than or equal to 2'],
    ['an endless context', texts, pretrained({ contextLength: 1e6 }), 'contextLength', 'less than or equal to 8192'],
    [
      'another model beside it',
      texts,
      { 'spec.model': { pretrained: { s3: { uri: 's3://bucket/m' } }, linear: {} } },
      'spec.model',
      'exactly one of linear, mlp, cnn, transformer, pretrained or custom',
    ],
    [
      'a regression',
      table,
      { ...pretrained(), 'spec.task': 'regression' },
      'spec.model',
      'causalLM and classification',
    ],
    ['digits', { source: { builtin: 'digits' } }, pretrained(), 'spec.data', 'and so does a pretrained model'],
    ['images', { ...folder, format: 'images' }, pretrained(), 'spec.data', 'and so does a pretrained model'],
    ['a stream', { ...folder, stream: {} }, pretrained(), 'spec.data', 'and so does a pretrained model'],
    [
      'features',
      { ...table, columns: { features: ['a'] } },
      pretrained(),
      'spec.data',
      'and so does a pretrained model',
    ],
  ])('is refused with %s', async (_, data, more, field, words) => {
    const { status, body } = await create(data, more as Readonly<Record<string, unknown>>);
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});

describe('a custom model', () => {
  test.each([[none], [pvc('tables')], [table], [{ source: { hf: { uri: 's3://bucket/datasets/iris' } } }]])(
    'learns from %j',
    async (data) => {
      expect(await create(data, { ...custom(), 'spec.task': 'causalLM' })).toMatchObject({ status: 201 });
    },
  );

  test.each<[string, object, object, string, string]>([
    ['no image', none, custom({ image: undefined }), 'custom.image', 'Required value'],
    ['a space in its image', none, custom({ image: 'a b' }), 'custom.image', 'without spaces'],
    ['no command', none, custom({ command: [] }), 'custom.command', 'at least 1 items'],
    ['a builtin data set', { source: { builtin: 'digits' } }, custom(), 'spec.data', 'reads its data itself'],
    ['columns', { ...table, columns: {} }, custom(), 'spec.data', 'reads its data itself'],
    ['processes', none, { ...custom(), 'spec.distribution.processesPerWorker': 2 }, 'spec.distribution', 'itself'],
    ['a strategy', none, { ...custom(), 'spec.distribution.strategy': 'fsdp' }, 'spec.distribution', 'itself'],
    ['no data, but a model of ours', none, {}, 'spec.data.source', 'for a custom model'],
  ])('is refused with %s', async (_, data, more, field, words) => {
    const { status, body } = await create(data, more as Readonly<Record<string, unknown>>);
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});

describe('data is refused with', () => {
  test.each<[string, object, string, string]>([
    ['two sources', { source: { ...table.source, ...pvc('x').source } }, 'spec.data.source', 'exactly one of builtin'],
    ['an unknown format', { ...table, format: 'xlsx' }, 'spec.data.format', '"npz", "csv", "parquet", "jsonl"'],
    ['a data set of the Hub itself', { source: { hf: { uri: 'iris' } } }, 'source.hf.uri', 'must be s3://bucket'],
    ['a split with a slash', { source: { hf: { uri: 's3://b-b/i', split: 'a/b' } } }, 'hf.split', 'name of a split'],
    ['a claim in capitals', pvc('x', 'Disk'), 'source.pvc.claimName', 'name of a PersistentVolumeClaim'],
    ['a path from the root of the node', pvc('/etc/passwd'), 'source.pvc.path', path],
    ['a path out of the volume', pvc('a/../../b'), 'source.pvc.path', path],
    ['a slash at the end', pvc('a/'), 'source.pvc.path', path],
    ['http', https('http://host/x'), 'source.https.url', address],
    ['a password in the address', https('https://me:secret@host/x'), 'source.https.url', address],
    ['a port that none has', https('https://host:65536/x'), 'source.https.url', 'a port beyond 65535'],
    ['no file in the address', https('https://host'), 'source.https.url', address],
    ['a download without its digest', https('https://host/x', {}), 'source.https.sha256', 'Required value'],
    ['a download without an end', https('https://host/x', { sha256, limitMi: 0 }), 'limitMi', 'greater than or equal'],
    ['columns of a builtin data set', { source: { builtin: 'digits' }, columns: {} }, 'spec.data', 'is read as it is'],
    ['columns of images', { ...folder, format: 'images', columns: {} }, 'spec.data.columns', 'images have folders'],
    [
      'a size of tables',
      { ...table, format: 'csv', image: { height: 1, width: 1 } },
      'spec.data.image',
      'for the format',
    ],
    ['two channels', { ...folder, image: { height: 1, width: 1, channels: 2 } }, 'image.channels', 'supported values'],
    ['one label', { ...table, labels: ['a'] }, 'spec.data.labels', 'at least 2 items'],
    ['a label twice', { ...table, labels: ['a', 'a'] }, 'spec.data.labels', 'Duplicate value'],
    ['the target as a feature', { ...table, columns: { target: 'a', features: ['a'] } }, 'columns', 'learn to copy it'],
    ['a category that is no feature', { ...table, columns: { features: ['a'], categorical: ['b'] } }, 'columns', 'too'],
    ['a stream of one object', { ...table, stream: {} }, 'spec.data.stream', 'needs a folder of files'],
    ['a stream of texts', { ...folder, format: 'text', stream: {} }, 'spec.data', 'text is for a transformer'],
    ['a stream without a window', { ...folder, stream: { window: 0 } }, 'stream.window', 'greater than or equal to 1'],
  ])('%s', async (_, data, field, words) => {
    const { status, body } = await create(data);
    expect([400, 422]).toContain(status);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});
