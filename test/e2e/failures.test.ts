/** What fails says why; none of it restarts a process of ours. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { ModelServiceStatus, TrainingJobStatus } from '../../operator/api/generated.ts';
import type { TrainingJob } from '../../operator/api/resources.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { inTrainer, placement, serving, stored, training, untilCondition, uploadText } from './lab.ts';
import { unrestarted } from './unrestarted.ts';
import { namespaces } from './world.ts';

const bad = new Kubectl(namespaces.bad);
const folder = `s3://limbeck/e2e/${randomUUID()}`;
const { lab, verify } = unrestarted(bad);

describe('what fails', () => {
  const failed = async (name: string, reason: string): Promise<TrainingJobStatus & { readonly message: string }> => {
    const message = await untilCondition(bad, ['tj', name], ['Succeeded', 'False', reason], 120);
    const job = await bad.get<TrainingJob>('tj', name);
    return { ...job?.status, message };
  };

  test('a gate that is not met says value, bound and n', async () => {
    await bad.applyObject(training('gate', { evaluation: { gates: [{ metric: 'accuracy', atLeast: 1 }] } }));
    const { phase, message, artefact } = await failed('gate', 'GateNotMet');
    expect(phase).toBe('Failed');
    expect(message).toMatch(/accuracy is 0\.\d+, at least 1 is wanted \(95 % .* n=359\)/);
    expect(artefact?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a script that ends on bad data says pod, exit code and its last words', async () => {
    await inTrainer(bad, lab().images.trainer, uploadText, `${folder}/broken.npz`, 'this is no archive');
    await bad.applyObject(training('broken', stored(`${folder}/broken.npz`)));
    const { phase, message, attempts } = await failed('broken', 'DataInvalid');
    expect([phase, attempts?.length]).toEqual(['Failed', 1]);
    expect(message).toContain('broken.npz must be an .npz with the arrays x and y');
    expect(message).toMatch(/broken-[0-9a-f]{5}-a1-0\S* .*\b65\b/);
  });

  test('a script that crashes says pod, exit code and its last words, once it has been tried again', async () => {
    const custom = { image: lab().images.trainer, command: ['python3', '-c', 'raise ValueError("no such layer")'] };
    await bad.applyObject(
      training('crash', { model: { custom }, data: { source: { none: {} } }, retry: { limit: 1 } }),
    );
    const { phase, message, attempts } = await failed('crash', 'RetriesExhausted');
    expect([phase, attempts?.length]).toEqual(['Failed', 2]);
    expect(message).toContain('ValueError: no such layer');
    expect(message).toMatch(/crash-[0-9a-f]{5}-a2-0/);
  });

  test('a model whose digest is another is never served', async () => {
    const [{ status }] = [(await bad.get<TrainingJob>('tj', 'gate')) ?? { status: undefined }];
    const uri = status?.artefact?.uri ?? '';
    await bad.applyObject(serving('mistaken', { artefact: { uri, sha256: '0'.repeat(64) } }));
    const message = await untilCondition(bad, ['msvc', 'mistaken'], ['Ready', 'False', 'LoadFailed'], 60);
    expect(message).toContain('DigestMismatch');
    const service = await bad.get<{ readonly status?: ModelServiceStatus }>('msvc', 'mistaken');
    expect(service?.status?.readyReplicas).toBe(0);
  });

  test('an image that cannot start says so at once, and never runs again', async () => {
    // The store's image has no Python.
    const custom = { image: lab().images.store, command: ['python3', '-c', 'pass'] };
    await bad.applyObject(training('imageless', { model: { custom }, data: { source: { none: {} } } }));
    const { phase, message, attempts } = await failed('imageless', 'CannotStart');
    expect([phase, attempts?.length]).toEqual(['Failed', 1]);
    expect(message).toMatch(/imageless-[0-9a-f]{5}-a1-0.*128.*python3/s);
  });

  test('a worker that needs more memory than its limit says so, and is not tried again', async () => {
    const greedy = { image: lab().images.trainer, command: ['python3', '-c', 'held = b"1" * int(2e9)'] };
    const resources = { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '1', memory: '64Mi' } };
    const more = { data: { source: { none: {} } }, placement: { ...placement, resources } };
    await bad.applyObject(training('greedy', { model: { custom: greedy }, ...more }));
    const { phase, message, attempts } = await failed('greedy', 'OutOfMemory');
    expect([phase, attempts?.length]).toEqual(['Failed', 1]);
    expect(message).toContain('raise placement.resources.limits.memory');
  });
});

test('none of it restarts a process of ours', verify);
