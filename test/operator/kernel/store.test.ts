import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { hasReached, prepared, Store } from '../../../operator/kernel/store.ts';

const object = (name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...more },
});
const owner = (uid: string, controller = true): Partial<KubeObject['metadata']> => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'Crew', name: 'crew', uid, controller }],
});
const names = (objects: readonly KubeObject[]): readonly string[] => objects.map(({ metadata }) => metadata.name);
const colours = new Map([
  ['colour', (one: KubeObject) => (one.metadata.labels?.['colour'] ?? '').split(',').filter((text) => text !== '')],
]);

describe('Store', () => {
  test('files by namespace, controlling owner and named index, and refiles on change', () => {
    const store = new Store(colours);
    store.put(object('a', { ...owner('1'), labels: { colour: 'red,blue' } }));
    store.put(object('b', { namespace: 'other', ...owner('1', false), labels: { colour: 'red' } }));
    expect(names(store.list('other'))).toEqual(['b']);
    expect(names(store.ownedBy({ name: '', uid: '1', namespace: 'default' }))).toEqual(['a']);
    // Whoever names an owner of another namespace is not its child.
    expect(names(store.ownedBy({ name: '', uid: '1', namespace: 'other' }))).toEqual([]);
    expect(names(store.byIndex('colour', 'red'))).toEqual(['a', 'b']);
    store.put(object('a', { labels: { colour: 'blue' } }));
    expect(names(store.byIndex('colour', 'red'))).toEqual(['b']);
    expect(names(store.byIndex('colour', 'blue'))).toEqual(['a']);
    expect(names(store.ownedBy({ name: '', uid: '1', namespace: 'default' }))).toEqual([]);
  });

  test('forgets what is removed and returns it', () => {
    const store = new Store(colours);
    const stored = object('a', { labels: { colour: 'red' } });
    store.put(stored);
    expect(store.remove('default/a')).toBe(stored);
    expect(store.remove('default/a')).toBeUndefined();
    expect([store.size, store.byIndex('colour', 'red').length, store.list('default').length]).toEqual([0, 0, 0]);
  });

  test('shows the same list for as long as nothing of it has changed', () => {
    const store = new Store(colours);
    const red = () => store.byIndex('colour', 'red');
    store.put(object('a', { labels: { colour: 'red' } }));
    const first = red();
    store.put(object('b', { labels: { colour: 'blue' } }));
    expect(red()).toBe(first);
    store.put(object('a', { labels: { colour: 'red' }, resourceVersion: '2' }));
    expect(red()[0]?.metadata.resourceVersion).toBe('2');
    const second = red();
    store.put(object('c', { labels: { colour: 'red' } }));
    expect(names(red())).toEqual(['a', 'c']);
    store.remove('default/c');
    expect([names(red()), red() === second]).toEqual([['a'], false]);
  });

  test('an index nobody declared is a mistake, not an empty answer', () => {
    expect(() => new Store().byIndex('colour', 'red')).toThrow('no index named colour');
  });
});

describe('prepared', () => {
  test('drops managedFields and freezes to the bottom', () => {
    const raw = { ...object('a', { labels: { colour: 'red' } }) };
    const ready = prepared({ ...raw, metadata: { ...raw.metadata, managedFields: [{}] } } as KubeObject);
    expect(ready.metadata).not.toHaveProperty('managedFields');
    expect(Object.isFrozen(ready.metadata.labels)).toBe(true);
  });

  test("drops kubectl's own note, and no other annotation", () => {
    const note = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const notesOf = (annotations?: Record<string, string>): unknown =>
      prepared(object('a', annotations && { annotations })).metadata.annotations;
    expect(notesOf({ ...note, mine: '1' })).toEqual({ mine: '1' });
    expect(notesOf()).toBeUndefined();
  });
});

describe('hasReached', () => {
  test.each([
    ['9', '10', false],
    ['10', '9', true],
    ['10', '10', true],
    ['', '1', false],
    ['1', '', true],
    ['18446744073709551616', '18446744073709551615', true],
  ])('have %s, wanted %s', (have, wanted, expected) => {
    expect(hasReached(have, wanted)).toBe(expected);
  });
});
