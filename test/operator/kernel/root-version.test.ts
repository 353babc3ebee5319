import { expect, test } from '@jest/globals';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { rootVersionAnnotation, seemsNewer, withRootVersion } from '../../../operator/kernel/root-version.ts';

const object = (resourceVersion?: string): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: { name: 'x', annotations: { other: '' }, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
});

test('a child tells from which version of its root it was made', () => {
  const { annotations } = withRootVersion(object(), object('12')).metadata;
  expect(annotations).toEqual({ other: '', [rootVersionAnnotation]: '12' });
  expect(withRootVersion(object(), object())).toEqual(object());
});

test.each([
  ['12', '9', true],
  ['12', '12', false],
  ['9', '12', false],
])('one that was made from version %s seems newer than a root of version %s: %s', (madeFrom, version, expected) => {
  expect(seemsNewer(withRootVersion(object(), object(madeFrom)), object(version))).toBe(expected);
});

test('one that does not tell seems no newer', () => {
  expect(seemsNewer(object(), object('1'))).toBe(false);
});
