/** What cannot be meant: refused at once, by the API server and by the gateway, with a sentence. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Kubectl } from '../../demo/kubectl.ts';
import { ours, serving, training, untilCondition } from './lab.ts';
import { unrestarted } from './unrestarted.ts';
import { namespaces } from './world.ts';

const kubectl = new Kubectl(namespaces.refused);
const { lab, verify } = unrestarted(kubectl);

beforeAll(async () => {
  await kubectl.applyObject(training('plain'));
  await kubectl.applyObject(serving('plain', { trainingJob: { name: 'plain' } }));
  await untilCondition(kubectl, ['msvc', 'plain'], ['Ready', 'True']);
}, 300_000);

describe('kubectl apply', () => {
  const distillation = (name: string, spec: object): object =>
    ours('DistillationJob', name, {
      teacher: { trainingJob: { name: 'plain' } },
      student: { linear: {} },
      data: { source: { builtin: 'digits' } },
      ...spec,
    });
  const both = { trainingJob: { name: 'a' }, distillationJob: { name: 'b' } };

  test.each<[string, object, string]>([
    ['a wrong field', training('a', { worker: 2 }), 'unknown field "spec.worker"'],
    [
      'an unknown enum value',
      training('a', { task: 'ranking' }),
      'spec.task: Unsupported value: "ranking": supported values: "classification", "regression", "causalLM"',
    ],
    [
      'two members of a union',
      training('a', { model: { linear: {}, mlp: { hidden: [8] } } }),
      'exactly one of linear, mlp, cnn, transformer, pretrained or custom must be given',
    ],
    [
      'no member of a union',
      distillation('a', { student: {} }),
      'spec.student in body should have at least 1 properties',
    ],
    ['two models of a service', serving('a', both), 'exactly one of trainingJob, distillationJob or artefact'],
    ['a name too long', training('a'.repeat(53)), 'metadata.name must have at most 52 characters'],
    [
      'zero workers',
      training('a', { distribution: { workers: 0 } }),
      'spec.distribution.workers in body should be greater than or equal to 1',
    ],
    [
      'fewer replicas at most than at least',
      serving('a', { trainingJob: { name: 'a' } }, { minReplicas: 5 }),
      'scaling.minReplicas must not exceed scaling.maxReplicas',
    ],
    [
      'a changed run',
      training('plain', { optimization: { learningRate: 0.5, epochs: 5 } }),
      'a TrainingJob is one run',
    ],
    [
      'a gate on what is not measured',
      distillation('a', { control: false, evaluation: { gates: [{ metric: 'gainOverControl', atLeast: 0 }] } }),
      'a gate on gainOverControl needs control to be true',
    ],
  ])('refuses %s', async (_, object, sentence) => {
    await expect(kubectl.applyObject(object)).rejects.toThrow(sentence);
  });
});

interface Explained {
  readonly value: number;
  readonly baseline_value: number;
  readonly gap: number;
  readonly attributions: readonly (readonly (readonly number[])[])[];
}

interface Predicted {
  readonly label: string;
  readonly classes: readonly { readonly label: string; readonly probability: number }[];
}

describe('the gateway', () => {
  const zeros = Array.from({ length: 64 }, () => 0);
  const input = { name: 'input', datatype: 'FP32', shape: [1, 1, 8, 8], data: zeros };
  const body = (...inputs: readonly object[]): string => JSON.stringify({ inputs });
  const infer = '/services/plain/v2/models/plain/infer';
  const post = (path: string, text: string): Promise<Response> =>
    fetch(`${lab().gateway.url}/namespaces/${namespaces.refused}${path}`, { method: 'POST', body: text });

  test('answers what is right', async () => {
    expect((await post(infer, body(input))).status).toBe(200);
  });

  test('and tells why: a linear model leaves nothing unexplained', async () => {
    const data = zeros.map((_, index) => index % 17);
    const response = await post('/services/plain/v2/models/plain/explain', body({ ...input, data }));
    const { explanations } = (await response.json()) as { explanations: readonly Explained[] };
    expect(explanations).toHaveLength(1);
    for (const { value, baseline_value: base, gap, attributions } of explanations) {
      const parts = attributions.flat(2);
      expect(parts).toHaveLength(64);
      // Against the mean of the training data, which is no pixel's value: every pixel counts.
      expect(parts).not.toContain(0);
      expect(Math.abs(gap)).toBeLessThan(1e-3 * Math.abs(value - base));
    }
  });

  test('and reads a picture as curl sends it: the same digit as its pixels', async () => {
    const pixels = await post(infer, await readFile('examples/requests/digits.json', 'utf8'));
    const { outputs } = (await pixels.json()) as { outputs: readonly [{ readonly data: readonly number[] }] };
    const logits = outputs[0].data;
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await readFile('examples/requests/4.png'))]), '4.png');
    const response = await fetch(
      `${lab().gateway.url}/namespaces/${namespaces.refused}/services/plain/v2/models/plain/predict?top=10`,
      { method: 'POST', body: form },
    );
    const { predictions } = (await response.json()) as { predictions: readonly Predicted[] };
    const [{ label, classes } = { label: '', classes: [] }] = predictions;
    expect([response.status, predictions.length, label]).toEqual([200, 1, classes[0]?.label]);
    expect(label).toBe(String(logits.indexOf(Math.max(...logits))));
    expect(classes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  });

  test.each<[string, number, string, () => string]>([
    ['a wrong shape', 400, infer, () => body({ ...input, shape: [1, 64] })],
    ['too few values', 400, infer, () => body({ ...input, data: [1, 2, 3] })],
    ['a wrong type', 400, infer, () => body({ ...input, datatype: 'INT64' })],
    ['words for numbers', 400, infer, () => body({ ...input, data: zeros.map(() => 'zero') })],
    ['an input that there is not', 400, infer, () => body({ ...input, name: 'pixels' })],
    ['malformed JSON', 400, infer, () => '{"inputs": ['],
    ['an unknown model', 404, '/services/plain/v2/models/nobody/infer', () => body(input)],
    ['an unknown service', 404, '/services/nobody/v2/models/nobody/infer', () => body(input)],
    ['an oversized body', 413, infer, () => ' '.repeat(64 * 1024 * 1024 + 1)],
  ])("refuses %s with %d, in the protocol's shape", async (_, status, path, text) => {
    const response = await post(path, text());
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ error: expect.stringMatching(/\w+ \w+/) });
  });

  test('goes on answering', async () => {
    expect((await post(infer, body(input))).status).toBe(200);
  });
});

test('none of it restarts a process of ours', verify);
