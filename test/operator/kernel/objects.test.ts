import { describe, expect, test } from '@jest/globals';
import {
  controllerOf,
  isOwnedBy,
  isSelected,
  keyOf,
  keyText,
  microTime,
  ownerReferenceTo,
  parseKey,
  stampConditions,
  type Condition,
  type KubeObject,
} from '../../../operator/kernel/objects.ts';

const object = (uid: string | undefined, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Crew',
  metadata: { name: 'alpha', namespace: 'default', ...(uid === undefined ? {} : { uid }), ...more },
});

describe('keys', () => {
  test.each(['default/alpha', '/node-a'])('%s survives the round trip', (text) => {
    expect(keyText(parseKey(text))).toBe(text);
  });
  test('a cluster-scoped object has an empty namespace', () => {
    expect(keyOf({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } })).toEqual({ namespace: '', name: 'a' });
  });
});

describe('ownership', () => {
  const child = object('2', { ownerReferences: [ownerReferenceTo(object('1'))] });
  test.each([
    ['its owner', object('1'), true],
    ['a successor of the same name', object('3'), false],
    ['an object without a UID', object(undefined), false],
  ])('is by UID: %s', (_, owner, expected) => {
    expect(isOwnedBy(child, owner)).toBe(expected);
  });
  test('an owner that does not control is none', () => {
    const shared = { ...ownerReferenceTo(object('1')), controller: false };
    expect(controllerOf(object('2', { ownerReferences: [shared] }))).toBeUndefined();
  });
});

test.each([
  [undefined, true],
  ['mine', true],
  ['mine=yes', true],
  ['mine=no', false],
  ['other', false],
])('a cache of what is labelled %s shows what is labelled mine=yes: %s', (labelSelector, expected) => {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { mine: 'yes' } } };
  expect(isSelected(labelSelector === undefined ? {} : { labelSelector }, object)).toBe(expected);
});

describe('times', () => {
  test('MicroTime has six digits', () => {
    expect(microTime(new Date('2026-01-01T00:00:00.5Z'))).toBe('2026-01-01T00:00:00.500000Z');
  });

  const before: Condition = {
    type: 'Ready',
    status: 'True',
    reason: 'A',
    message: '',
    lastTransitionTime: '2020-01-01T00:00:00Z',
  };
  test.each([
    ['the status stays', 'True', [before], '2020-01-01T00:00:00Z'],
    ['the status changes', 'False', [before], '2026-01-01T00:00:00Z'],
    ['it is new', 'True', undefined, '2026-01-01T00:00:00Z'],
  ] as const)('a condition of which %s', (_, status, previous, expected) => {
    const draft = { type: 'Ready', status, reason: 'B', message: 'x' };
    const [stamped] = stampConditions([draft], previous, new Date('2026-01-01T00:00:00.900Z'));
    expect(stamped).toEqual({ ...draft, lastTransitionTime: expected });
  });
});
