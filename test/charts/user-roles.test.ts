/** The roles for people: they go with the CRDs, and an administrator of a namespace may install a release there. */
import { describe, expect, test } from '@jest/globals';
import { objects, render, rightsIn, type Manifest, type Rule } from './helm.ts';

const kinds = ['trainingjobs', 'distillationjobs', 'modelservices'];
const rolesOf = (made: readonly Manifest[]): readonly Manifest[] =>
  made.filter(({ kind, metadata }) => kind === 'ClusterRole' && /^limbeck-(view|edit|admin)$/.test(metadata.name));
const made = async (...settings: readonly string[]) => objects(await render(undefined, ...settings));
const named = (all: readonly Manifest[], name: string): readonly Rule[] =>
  all.find(({ metadata, rules }) => metadata.name === name && rules !== undefined)?.rules ?? [];
const given = (resources: readonly string[], verbs: readonly string[]): readonly string[] =>
  rightsIn([{ apiGroups: ['limbeck.dev'], resources, verbs }]);

describe('roles for people', () => {
  test('go with the CRDs of the cluster, also of a release for one namespace', async () => {
    expect(rolesOf(await made('crds.enabled=false'))).toEqual([]);
    const roles = rolesOf(await made());
    expect(roles.map(({ metadata }) => metadata.labels)).toEqual(
      ['view', 'edit', 'admin'].map((role) =>
        expect.objectContaining({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' }),
      ),
    );
    for (const { metadata } of roles) expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    expect(rolesOf(await made('namespaced=true'))).toEqual(roles);
    for (const { metadata } of rolesOf(await made('crds.keep=false'))) expect(metadata.annotations).toBeUndefined();
  });

  test('let a viewer read the kinds, and an editor write them but not their status', async () => {
    const all = await made();
    const viewer = [...given(kinds, ['get', 'list', 'watch']), ...given(['modelservices/scale'], ['get'])].sort();
    expect(rightsIn(named(all, 'limbeck-view'))).toEqual(viewer);
    const write = ['create', 'update', 'patch', 'delete', 'deletecollection'];
    const editor = [...given(kinds, write), ...given(['modelservices/scale'], ['update', 'patch'])].sort();
    expect(rightsIn(named(all, 'limbeck-edit'))).toEqual(editor);
  });

  test('let an administrator grant what the Roles of a release in his namespace grant, and no more', async () => {
    const own = (await made('namespaced=true'))
      .filter(({ kind }) => kind === 'Role')
      .flatMap(({ rules }) => rules ?? []);
    const texts = (rules: readonly Rule[]) => new Set(rules.map((rule) => JSON.stringify(rule)));
    expect(own.length).toBeGreaterThan(10);
    expect(texts(named(await made(), 'limbeck-admin'))).toEqual(texts(own));
  });
});
