/** The Secret by which pods reach the store: whose keys it has, where it is, and what of it outlives the release. */
import { describe, expect, test } from '@jest/globals';
import { objects, render, type Manifest } from './helm.ts';

describe('the store', () => {
  const secrets = async (...settings: readonly string[]): Promise<readonly Manifest[]> =>
    objects(await render(undefined, 'crds.enabled=false', ...settings)).filter(({ kind }) => kind === 'Secret');

  test('has made-up credentials, the same in every namespace', async () => {
    const made = await secrets('store.namespaces={default,research,limbeck-system}');
    expect(made.map(({ metadata }) => metadata.namespace).sort()).toEqual(['default', 'limbeck-system', 'research']);
    expect(new Set(made.map(({ stringData }) => JSON.stringify(stringData))).size).toBe(1);
    expect(made[0]?.stringData?.AWS_SECRET_ACCESS_KEY).toMatch(/^\w{40}$/);
    expect(made[0]?.stringData?.AWS_ENDPOINT_URL).toBe('http://limbeck-store.limbeck-system.svc.cluster.local:7070');
  });

  test.each([
    [[], ['limbeck-system']],
    [['store.embedded.accessKeyId=a'], ['limbeck-system']],
    [['store.embedded.accessKeyId=a', 'store.embedded.secretAccessKey=b'], []],
    [['endpoint=https://s3', 'accessKeyId=a', 'secretAccessKey=b'].map((one) => `store.external.${one}`), []],
  ])('with %j has its keys kept in %j when the release goes', async (settings, namespaces) => {
    const kept = (await secrets(...settings)).filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep',
    );
    expect(kept.map(({ metadata }) => metadata.namespace)).toEqual(namespaces);
  });

  test('may be any other S3, whose credentials the user gives or keeps', async () => {
    const [secret] = await secrets(
      'store.external.endpoint=https://s3.example.com',
      'store.external.accessKeyId=a',
      'store.external.secretAccessKey=b',
    );
    expect(secret?.stringData).toMatchObject({ AWS_ACCESS_KEY_ID: 'a', AWS_ENDPOINT_URL: 'https://s3.example.com' });
    expect(await secrets('store.external.existingSecret=mine')).toEqual([]);
    await expect(render(undefined, 'store.external.endpoint=https://s3.example.com')).rejects.toThrow(
      'needs store.external.accessKeyId',
    );
    await expect(render(undefined, 'store.embedded.enabled=false')).rejects.toThrow('there is no store');
    await expect(render(undefined, 'store.external.accessKeyId=a')).rejects.toThrow('endpoint, which is not set');
  });
});
