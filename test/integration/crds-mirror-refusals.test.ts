/** What a real API server says of a mirror of the Hugging Face Hub that cannot be meant. */
import { describe, expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { least } from '../support/minimal-specs.ts';
import { changed, pathOf } from '../support/raw-api.ts';

const { api, namespace } = withDefinitions('mirror');

const create = (data: object) =>
  api.call(pathOf(namespace, 'trainingjobs'), {
    method: 'POST',
    query: { fieldValidation: 'Strict', dryRun: 'All' },
    body: changed(least.trainingjobs, { 'spec.data': data }),
  });

const mirror = (more: object = {}) => ({
  source: { hf: { mirror: { url: 'https://hub.example:8443/hf', repository: 'shop/letters', ...more } } },
});

describe('a mirror is taken', () => {
  test.each([
    [{ ...mirror(), stream: {} }],
    [mirror({ url: 'https://hub.example/' })],
    [mirror({ revision: 'refs/convert/parquet', folder: 'wikitext-2-raw-v1', limitMi: 4 })],
    [{ source: { hf: { ...mirror({ repository: 'squad' }).source.hf, split: 'test', sha256: 'a'.repeat(64) } } }],
  ])('%j', async (data) => {
    expect(await create(data)).toMatchObject({ status: 201 });
  });

  test('with the branch and the limit that are usual', async () => {
    const { body } = await create(mirror());
    expect(body).toMatchObject({
      spec: { data: { source: { hf: { mirror: { revision: 'main', limitMi: 1024 }, split: 'train' } } } },
    });
  });
});

describe('a mirror is refused with', () => {
  test.each<[string, object, string, string]>([
    [
      'a folder of the store beside it',
      { source: { hf: { uri: 's3://b-b/i', ...mirror().source.hf } } },
      'source.hf',
      'exactly one of uri, a folder in an S3 store, and mirror',
    ],
    ['neither of the two', { source: { hf: { split: 'test' } } }, 'source.hf', 'exactly one of uri'],
    ['a mirror without a data set', mirror({ repository: undefined }), 'hf.mirror.repository', 'Required value'],
    ['a mirror without an address', mirror({ url: undefined }), 'hf.mirror.url', 'Required value'],
    ['a mirror over http', mirror({ url: 'http://hub.example' }), 'hf.mirror.url', 'must be https://host'],
    ['a token in the address', mirror({ url: 'https://me:hf_x@hub' }), 'hf.mirror.url', 'must be https://host'],
    ['a query in the address', mirror({ url: 'https://hub/?a=b' }), 'hf.mirror.url', 'must be https://host'],
    ['a port that none has', mirror({ url: 'https://hub:65536' }), 'hf.mirror.url', 'a port beyond 65535'],
    ['a path for a data set', mirror({ repository: 'a/b/c' }), 'hf.mirror.repository', 'owner/name of a data set'],
    ['a data set above the root', mirror({ repository: '../x' }), 'hf.mirror.repository', 'owner/name of a data set'],
    ['a revision with a space', mirror({ revision: 'a b' }), 'hf.mirror.revision', 'a commit, a branch or a tag'],
    ['a revision above the root', mirror({ revision: 'a/../b' }), 'hf.mirror.revision', 'a commit, a branch or a tag'],
    [
      'a folder above the root',
      mirror({ folder: 'a/../../b' }),
      'hf.mirror.folder',
      'below the root of the repository',
    ],
    ['a mirror without an end', mirror({ limitMi: 0 }), 'hf.mirror.limitMi', 'greater than or equal to 1'],
  ])('%s', async (_, data, field, words) => {
    const { status, body } = await create(data);
    expect(status).toBe(422);
    expect(body.message).toContain(field);
    expect(body.message).toContain(words);
  });
});
