import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../demo/config.ts';

const there = (): boolean => true;
const nowhere = (): boolean => false;

describe('parseConfig', () => {
  test.each([
    [
      { KUBECONFIG: '/cache/cluster/admin.conf', LIMBECK_CACHE: '/cache' },
      { kind: 'nodePort', port: 30080 },
    ],
    [
      { KUBECONFIG: '/home/me/.cache/limbeck/cluster/admin.conf', HOME: '/home/me' },
      { kind: 'nodePort', port: 30080 },
    ],
    [
      { KUBECONFIG: '/x/limbeck/cluster/admin.conf', XDG_CACHE_HOME: '/x' },
      { kind: 'nodePort', port: 30080 },
    ],
    [{ KUBECONFIG: '/home/me/.kube/config', HOME: '/home/me' }, { kind: 'portForward' }],
    [{ LIMBECK_GATEWAY_URL: 'https://models.example/' }, { kind: 'url', url: 'https://models.example' }],
  ])('%j', (environment, gateway) => {
    const parsed = parseConfig(environment, there);
    expect(parsed).toMatchObject({ ok: true, config: { gateway, valuesFile: 'build/images.yaml' } });
  });

  test('reports every mistake at once', () => {
    const parsed = parseConfig({ LIMBECK_VALUES: 'mine.yaml', LIMBECK_GATEWAY_URL: 'no url' }, nowhere);
    expect(parsed).toEqual({
      ok: false,
      mistakes: ['LIMBECK_VALUES names mine.yaml, which does not exist.', 'LIMBECK_GATEWAY_URL is not a URL: no url'],
    });
  });

  test('says how to get the images', () => {
    expect(parseConfig({}, nowhere)).toMatchObject({ ok: false, mistakes: [expect.stringContaining('make images')] });
  });
});
