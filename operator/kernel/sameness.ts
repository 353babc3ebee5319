/** Pure: is what the API server has already what we want? Then nothing is sent. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from './objects.ts';

/** On every applied object: the hash of what was asked for, so that a restarted process asks for nothing twice. */
export const hashAnnotation = 'limbeck.dev/desired-hash';

/** JSON with sorted keys and without undefined members: equal values have equal texts. Half characters do not travel. */
export function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, member: unknown) => {
    if (typeof member === 'string') return member.toWellFormed();
    return isRecord(member) ? sorted(member) : member;
  });
}

/** Short hash of the canonical text. */
export const hashOf = (value: unknown): string =>
  createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);

/** The object with its own hash as an annotation. */
export function withHash(object: KubeObject, hash: string): KubeObject {
  const annotations = { ...object.metadata.annotations, [hashAnnotation]: hash };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/**
 * Everything asked for is there. Members and list entries that others added do not count: they are theirs. The API
 * server leaves out empty texts, lists and objects, so an absent member satisfies such a wish. A stated false or 0 it keeps
 * wherever that is another thing than nothing said, and only there may one be wished for.
 */
export function contains(actual: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (actual === undefined || actual === null) return isEmpty(wanted);
  if (Array.isArray(wanted)) return Array.isArray(actual) && containsAll(actual, wanted);
  if (!isRecord(wanted)) return actual === wanted;
  return isRecord(actual) && Object.entries(wanted).every(([name, member]) => contains(actual[name], member));
}

/** Lists of objects may have been added to by others; lists of plain values are taken literally (args, commands). */
function containsAll(actual: readonly unknown[], wanted: readonly unknown[]): boolean {
  if (!wanted.some(isRecord)) return canonical(actual) === canonical(wanted);
  return wanted.every((entry) => actual.some((candidate) => contains(candidate, entry)));
}

/** Whether an object says what it said before, in a newer version. */
export function isSameButVersion(before: KubeObject | undefined, object: KubeObject): boolean {
  const { resourceVersion } = object.metadata;
  return before !== undefined && isDeepStrictEqual(withVersion(before, resourceVersion), object);
}

const withVersion = ({ metadata, ...rest }: KubeObject, resourceVersion: string | undefined): object => ({
  ...rest,
  metadata: { ...metadata, resourceVersion },
});

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sorted = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isRecord(value)) return Object.values(value).every(isEmpty);
  return value === undefined || value === null || value === '';
}
