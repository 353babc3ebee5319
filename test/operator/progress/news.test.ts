import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseProgress, parseReadiness } from '../../../operator/progress/news.ts';

const checkpoint = { step: 40, uri: 's3://limbeck/runs/x', sha256: 'c'.repeat(64) };
const distribution = { strategy: 'ddp', reason: 'It fits.', processes: 2, device: 'cuda', scalingEfficiency: 0.9 };
const document = { phase: 'training', percent: 43, epoch: 2, epochs: 5, step: 43, steps: 100 };

test('a progress document becomes a share and a checkpoint', () => {
  expect(parseProgress(JSON.stringify(document))).toEqual({
    ...{ kind: 'trainer', progress: '43%' },
    training: { phase: 'training', epoch: 2, epochs: 5, step: 43, steps: 100 },
  });
  expect(parseProgress(JSON.stringify({ ...document, checkpoint }))).toMatchObject({ checkpoint });
});

test('what a person wants to see comes in four digits', () => {
  const more = { loss: 0.0123456, samplesPerSecond: 98765.4, etaSeconds: 7 };
  const known = { longestStepSeconds: 0.25, resumedFromStep: 40 };
  expect(parseProgress(JSON.stringify({ ...document, ...more, ...known }))).toMatchObject({
    training: { loss: 0.01235, samplesPerSecond: 98770, etaSeconds: 7 },
    ...known,
  });
});

test.each<[string, object, string]>([
  ['a step in words', { step: '43' }, 'step'],
  ['half an epoch', { epoch: 0.5 }, 'epoch'],
  ['a negative pace', { samplesPerSecond: -1 }, 'samplesPerSecond'],
  ['a phase that nobody knows', { phase: 'dreaming' }, 'phase'],
  ['a step beyond all', { steps: 1e300 }, 'steps'],
  ['a loss that would be infinite in four digits', { loss: Number.MAX_VALUE }, 'loss'],
])('%s is left out, and the rest stays', (_, wrong, member) => {
  const { training } = parseProgress(JSON.stringify({ ...document, ...wrong }))!;
  expect(Object.keys(training)).toEqual(
    ['phase', 'epoch', 'epochs', 'step', 'steps'].filter((name) => name !== member),
  );
});

test('a checkpoint has its time; one that is no time for the API server is left out', () => {
  const timeOf = (savedAt: unknown) =>
    parseProgress(JSON.stringify({ ...document, checkpoint: { ...checkpoint, savedAt } }))?.checkpoint?.savedAt;
  expect(timeOf('2026-11-26T00:26:42Z')).toBe('2026-11-26T00:26:42Z');
  const wrongs = ['2026-13-26T00:26:42Z', '2026-11-26', 'now', 1, null, '2026-11-26T25:00:00Z'];
  for (const wrong of [...wrongs, '2026-11-26T24:00:00Z', '2026-02-30T00:00:00Z'])
    expect(timeOf(wrong)).toBeUndefined();
  expect(parseProgress(JSON.stringify({ ...document, checkpoint }))?.checkpoint).toEqual(checkpoint);
});

test('trouble with checkpoints is told in one line of bounded length', () => {
  const heard = parseProgress(
    JSON.stringify({ ...document, checkpointProblem: 'a\nb', skippedCheckpoint: 'x'.repeat(999) }),
  );
  expect(heard?.training.checkpointProblem).toBe('a b');
  expect(heard?.skippedCheckpoint).toHaveLength(500);
  expect(parseProgress(JSON.stringify({ ...document, checkpointProblem: '' }))?.training).not.toHaveProperty(
    'checkpointProblem',
  );
});

test.each<[string, object]>([
  ['a strategy that nobody knows', { strategy: 'magic' }],
  ['no reason', { reason: '' }],
  ['no process', { processes: 0 }],
  ['more processes than a number of the status holds', { processes: 2 ** 31 }],
])('a distribution with %s is left out', (_, wrong) => {
  expect(
    parseProgress(JSON.stringify({ ...document, distribution: { ...distribution, ...wrong } })),
  ).not.toHaveProperty('distribution');
});

test('a distribution need not be measured', () => {
  for (const scalingEfficiency of [undefined, -1, 'fast'])
    expect(
      parseProgress(JSON.stringify({ ...document, distribution: { ...distribution, scalingEfficiency } }))
        ?.distribution,
    ).toEqual({ strategy: 'ddp', reason: 'It fits.', processes: 2, device: 'cuda' });
});

test('what a distribution computes on is told, or is left out', () => {
  for (const device of [undefined, 'tpu', 3])
    expect(
      parseProgress(JSON.stringify({ ...document, distribution: { ...distribution, device } }))?.distribution,
    ).toEqual({ strategy: 'ddp', reason: 'It fits.', processes: 2, scalingEfficiency: 0.9 });
});

test('what is read of it is in the contract under these names', () => {
  const schema = JSON.parse(readFileSync('crds/contracts/trainer-progress.schema.json', 'utf8'));
  expect(schema.properties.percent).toEqual({ type: 'integer', minimum: 0, maximum: 100 });
  expect(schema.properties.checkpoint.required).toEqual(Object.keys(checkpoint));
  expect(Object.keys(schema.properties.checkpoint.properties as object)).toEqual([
    ...Object.keys(checkpoint),
    'savedAt',
  ]);
  expect(Object.keys(schema.properties.distribution.properties as object)).toEqual(Object.keys(distribution));
  const texts = { checkpointProblem: 'away', skippedCheckpoint: 'torn', history: 's3://limbeck/runs/x/history' };
  const validation = { validationLoss: 1, validationAccuracy: 1, validationRmse: 1, validationPerplexity: 1 };
  const numbers = { loss: 1, samplesPerSecond: 1, etaSeconds: 1, longestStepSeconds: 1, resumedFromStep: 1, ...texts };
  const { training, ...beside } = parseProgress(
    JSON.stringify({ ...document, ...numbers, ...validation, distribution }),
  )!;
  const { kind, progress, ...rest } = beside;
  expect([kind, progress]).toEqual(['trainer', '43%']);
  const read = Object.keys({ ...training, ...rest });
  expect(read.length).toBe(18);
  expect(Object.keys(schema.properties as object)).toEqual(expect.arrayContaining(read));
  for (const phase of schema.properties.phase.enum as readonly string[])
    expect(parseProgress(JSON.stringify({ ...document, phase }))?.training.phase).toBe(phase);
});

test.each([
  ['no JSON', '<html>'],
  ['a list', '[]'],
  ['nothing', 'null'],
  ['no share', '{}'],
  ['a share in words', '{"percent":"43"}'],
  ['a share beyond all', '{"percent":101}'],
  ['half a percent', '{"percent":0.5}'],
])('%s is no progress', (_, body) => {
  expect(parseProgress(body)).toBeUndefined();
});

test.each<[string, object]>([
  ['a negative step', { ...checkpoint, step: -1 }],
  ['a step without end', { ...checkpoint, step: 1e300 }],
  ['another address', { ...checkpoint, uri: 'http://evil' }],
  ['an endless address', { ...checkpoint, uri: `s3://${'a'.repeat(2000)}` }],
  ['no digest', { ...checkpoint, sha256: 'c' }],
])('a checkpoint with %s is left out', (_, wrong) => {
  expect(parseProgress(JSON.stringify({ ...document, checkpoint: wrong }))).not.toHaveProperty('checkpoint');
});

test('a load failure is a reason and one line', () => {
  const body = { name: 'digits', ready: false, reason: 'DigestMismatch', error: 'expected a\nfound b' };
  expect(parseReadiness(JSON.stringify(body))).toEqual({
    ...{ kind: 'server', reason: 'DigestMismatch', message: 'expected a found b' },
  });
});

test.each<[string, object]>([
  ['a ready model', { ready: true }],
  ['a model that loads', { ready: false, reason: 'Loading', error: 'wait' }],
  ['a server that stops', { ready: false, error: 'the server is stopping' }],
  ['a reason that is no word', { ready: false, reason: 'a b' }],
])('%s is no failure', (_, body) => {
  expect(parseReadiness(JSON.stringify(body))).toBeUndefined();
});

test('nothing that a pod can say throws, or is long', () => {
  const bodies = fc.oneof(
    fc.string(),
    fc.json(),
    fc.string().map((error) => JSON.stringify({ ready: false, reason: 'A', error })),
  );
  const property = fc.property(bodies, (body) => {
    expect(parseProgress(body)?.progress.length ?? 0).toBeLessThanOrEqual(4);
    expect(parseReadiness(body)?.message.length ?? 0).toBeLessThanOrEqual(500);
  });
  fc.assert(property);
});
