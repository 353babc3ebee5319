import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { failureReasons, parseResult } from '../../../operator/api/trainer-contract.ts';
import { failureText, metrics, success } from '../../support/runs.ts';

interface Schema {
  readonly oneOf: readonly { readonly properties: { readonly reason?: { readonly enum: readonly string[] } } }[];
}
const schema = JSON.parse(readFileSync('crds/contracts/trainer-result.schema.json', 'utf8')) as Schema;
const keepsContract = new Ajv({ strict: false }).compile(schema);

const whole = {
  ...success,
  ...{ control: metrics, teacher: metrics, teacherAgreement: 0.97, teacherSizeBytes: 9000, resumedFromStep: 40 },
  distribution: { strategy: 'ddp', reason: 'It fits.', processes: 2, device: 'cuda', scalingEfficiency: 0.9 },
  skippedCheckpoint: 'step 20: torn',
  classMetrics: [{ class: '8', n: 35, value: 0.9, low: 0.8, high: 0.95 }],
};

describe('a result that keeps the contract', () => {
  test.each([
    ['a teacher', success],
    ['a student, with all there is to say', whole],
    ['a tuned model', { ...success, lineage: { ...success.lineage, pretrainedSha256: 'e'.repeat(64) } }],
    ['a tokenizer', { ...success, lineage: { ...success.lineage, tokenizerSha256: 'e'.repeat(64) } }],
  ])('of %s is read whole', (_, result) => {
    const { contractVersion, ...rest } = result;
    expect([contractVersion, keepsContract(result)]).toEqual(['v1', true]);
    expect(parseResult(JSON.stringify(result))).toEqual(rest);
  });

  test('may be a failure of any reason of the schema', () => {
    const reasons = schema.oneOf.flatMap(({ properties }) => properties.reason?.enum ?? []);
    expect([...failureReasons]).toEqual(reasons);
    const texts = reasons.map((reason) => failureText(reason));
    expect(texts.map((text) => keepsContract(JSON.parse(text)))).toEqual(reasons.map(() => true));
    expect(texts.map((text) => parseResult(text).outcome)).toEqual(reasons.map(() => 'failed'));
  });
});

test.each([
  ['nothing', ''],
  ['a log line', 'Traceback (most recent call last)'],
  ['half of it', JSON.stringify(success).slice(0, 100)],
  ['a list', '[]'],
  ['null', 'null'],
  ['another version', JSON.stringify({ ...success, contractVersion: 'v2' })],
  ['another outcome', JSON.stringify({ ...success, outcome: 'maybe' })],
  ['a reason that nobody knows', failureText('Bored')],
  ['no message', JSON.stringify({ contractVersion: 'v1', outcome: 'failed', reason: 'Crashed' })],
  ['no metrics', JSON.stringify({ ...success, metrics: undefined })],
  ['a metric that is no number', JSON.stringify({ ...success, metrics: { ...metrics, accuracy: { value: '1' } } })],
  ['a metric of another kind', JSON.stringify({ ...success, metrics: { ...metrics, accuracy: 1 } })],
  ['a metric that nobody knows', JSON.stringify({ ...success, metrics: { ...metrics, beauty: { value: 1 } } })],
  ['a figure of no class', JSON.stringify({ ...success, classMetrics: [{ n: 3, value: 1 }] })],
  ['a digest that is none', JSON.stringify({ ...success, artefact: { ...success.artefact, sha256: 'abc' } })],
  [
    'a tensor without a shape',
    JSON.stringify({ ...success, artefact: { ...success.artefact, inputs: [{ name: 'x' }] } }),
  ],
  ['a control that is none', JSON.stringify({ ...success, control: {} })],
  ['a member that nobody knows', JSON.stringify({ ...success, mood: 'good' })],
  ['a lineage with more', JSON.stringify({ ...success, lineage: { ...success.lineage, mood: 'good' } })],
  ['half a byte', JSON.stringify({ ...success, artefact: { ...success.artefact, sizeBytes: 0.5 } })],
  [
    'a strategy that nobody knows',
    JSON.stringify({ ...success, distribution: { strategy: 'magic', reason: 'r', processes: 1 } }),
  ],
  [
    'a device that nobody knows',
    JSON.stringify({ ...success, distribution: { strategy: 'alone', reason: 'r', processes: 1, device: 'tpu' } }),
  ],
  ['no process', JSON.stringify({ ...success, distribution: { strategy: 'ddp', reason: 'r', processes: 0 } })],
  ['half a step', JSON.stringify({ ...success, resumedFromStep: 0.5 })],
  ['a step that is null', JSON.stringify({ ...success, resumedFromStep: null })],
  ['a name without end', JSON.stringify({ ...success, lineage: { ...success.lineage, torch: 't'.repeat(65) } })],
  [
    'a pretrained model of no digest',
    JSON.stringify({ ...success, lineage: { ...success.lineage, pretrainedSha256: 'e' } }),
  ],
  ['a tokenizer of no digest', JSON.stringify({ ...success, lineage: { ...success.lineage, tokenizerSha256: 'e' } })],
  ['no lineage', JSON.stringify({ ...success, lineage: null })],
])('%s is no result, and it is said why', (_, text) => {
  expect(parseResult(text)).toMatchObject({
    outcome: 'invalid',
    message: expect.stringContaining('does not keep the contract'),
  });
});

test.each([
  [{ step: 40, uri: 's3://b/c', sha256: 'a'.repeat(64), savedAt: '2026-11-24T12:00:00Z' }, 'failed'],
  [{ step: 40, uri: 's3://b/c', sha256: 'a'.repeat(64) }, 'failed'],
  [{ step: 40, uri: 's3://b/c', sha256: 'a' }, 'invalid'],
  [{ step: 0.5, uri: 's3://b/c', sha256: 'a'.repeat(64) }, 'invalid'],
  [{ step: 40, uri: 's3://b/c' }, 'invalid'],
])('a failure may name the checkpoint that was written last: %j is %s', (checkpoint, outcome) => {
  const failure = { ...(JSON.parse(failureText('Interrupted')) as object), checkpoint };
  expect([parseResult(JSON.stringify(failure)).outcome, keepsContract(failure)]).toEqual([
    outcome,
    outcome === 'failed',
  ]);
});

test('the parser and the schema say the same of a result in which one thing is wrong', () => {
  const paths = pathsOf(whole);
  const junk = fc.constantFrom<unknown>(undefined, null, 'x', -2, 0.5, true, [], {});
  fc.assert(
    fc.property(fc.constantFrom(...paths), junk, (path, value) => {
      const text = JSON.stringify(withValue(whole, path, value));
      expect([text, parseResult(text).outcome === 'succeeded']).toEqual([text, keepsContract(JSON.parse(text))]);
    }),
    { numRuns: 500 },
  );
});

type Path = readonly string[];

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))
      : [];
  return path.length === 0 ? inner : [path, ...inner];
}

function withValue(target: unknown, [name, ...rest]: Path, value: unknown): unknown {
  if (name === undefined) return value;
  if (Array.isArray(target))
    return target.map((one: unknown, at) => (String(at) === name ? withValue(one, rest, value) : one));
  const record = { ...(target as Record<string, unknown>) };
  return { ...record, [name]: withValue(record[name], rest, value) };
}
