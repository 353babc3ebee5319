import { expect, test } from '@jest/globals';
import type { Node } from '../../../operator/api/kubernetes.ts';
import {
  chooseProfile,
  containerSecurity,
  podSecurity,
  resourcesOf,
  schedulingOf,
  scratch,
  sharedMemory,
  storeEnvFrom,
} from '../../../operator/workloads/pod-parts.ts';
import type { GpuProfile, Settings } from '../../../operator/workloads/settings.ts';
import { settings } from '../../support/runs.ts';

const withProfiles = (gpuProfiles: Readonly<Record<string, GpuProfile>>): Settings => ({ ...settings, gpuProfiles });

const node = (more: Omit<Node, 'apiVersion' | 'kind' | 'metadata'>, labels: Record<string, string> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'one', labels },
  ...more,
});
const conditions = [{ type: 'Ready', status: 'True' }];
const allocatable = { 'nvidia.com/gpu': '2' };
const plain = node({ status: { conditions } });
const gpus = node({ status: { conditions, allocatable } });
const thousand = node({ status: { conditions, allocatable: { 'nvidia.com/gpu': '1k' } } });
const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
const tainted = node({ spec: { taints: [taint] }, status: { conditions, allocatable } });
const mild = node({
  spec: { taints: [{ ...taint, effect: 'PreferNoSchedule' }] },
  status: { conditions, allocatable },
});
const gpu: GpuProfile = { resourceName: 'nvidia.com/gpu', count: 1 };

type Row = [string, GpuProfile, Node, boolean];

test.each<Row>([
  ['the empty profile fits any ready node', {}, plain, true],
  ['a node that is not ready', {}, node({ status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }), false],
  ['a node without conditions', {}, node({}), false],
  ['a cordoned node', {}, node({ spec: { unschedulable: true }, status: { conditions } }), false],
  ['no device', gpu, plain, false],
  ['a device', gpu, gpus, true],
  ['a device, where the count is left out', { resourceName: 'nvidia.com/gpu' }, gpus, true],
  ['as many devices as there are', { ...gpu, count: 2 }, gpus, true],
  ['a thousand devices, as the kubelet tells them', { ...gpu, count: 1000 }, thousand, true],
  ['more devices than there are', { ...gpu, count: 3 }, gpus, false],
  [
    'a label that is there',
    { nodeSelector: { model: 'h100' } },
    node({ status: { conditions } }, { model: 'h100' }),
    true,
  ],
  [
    'a label of another value',
    { nodeSelector: { model: 'h100' } },
    node({ status: { conditions } }, { model: 'a10' }),
    false,
  ],
  ['a taint that nobody tolerates', gpu, tainted, false],
  ['a taint that only asks', gpu, mild, true],
  ['a tolerated taint', { ...gpu, tolerations: [{ key: 'gpu', value: 'yes' }] }, tainted, true],
  ['a toleration of another value', { ...gpu, tolerations: [{ key: 'gpu', value: 'no' }] }, tainted, false],
  ['a toleration of any value', { ...gpu, tolerations: [{ key: 'gpu', operator: 'Exists' }] }, tainted, true],
  [
    'a toleration of another effect',
    { ...gpu, tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }] },
    tainted,
    false,
  ],
  ['a toleration of everything', { ...gpu, tolerations: [{ operator: 'Exists' }] }, tainted, true],
])('%s', (_, profile, where, fits) => {
  expect(chooseProfile(['it'], withProfiles({ it: profile }), [where]).ok).toBe(fits);
});

test('the first that fits is taken', () => {
  const both = withProfiles({ cpu: {}, gpu });
  expect(chooseProfile(['gpu', 'cpu'], both, [plain, gpus])).toEqual({ ok: true, name: 'gpu', profile: gpu });
  expect(chooseProfile(['gpu', 'cpu'], both, [plain])).toEqual({ ok: true, name: 'cpu', profile: {} });
});

test('an unknown name is a mistake even where another fits; inherited members are no profiles', () => {
  const one = withProfiles({ cpu: {} });
  expect(chooseProfile(['cpu', 'tpu'], one, [plain])).toEqual({
    ok: false,
    reason: 'ProfileUnknown',
    message: 'this installation has no GPU profile tpu; it has cpu',
  });
  expect(chooseProfile(['constructor'], one, [plain])).toMatchObject({ reason: 'ProfileUnknown' });
});

test('no fitting node is said with how many were looked at', () => {
  expect(chooseProfile(['gpu'], withProfiles({ gpu }), [plain])).toEqual({
    ok: false,
    reason: 'NoNodeFits',
    message: 'no ready node satisfies gpu (1 nodes looked at)',
  });
});

test('resources are texts, and devices are limits', () => {
  const resources = { requests: { cpu: 1, memory: '1Gi' }, limits: { cpu: 2, memory: '2Gi' } };
  expect(resourcesOf(gpu, resources)).toEqual({
    requests: { cpu: '1', memory: '1Gi' },
    limits: { cpu: '2', memory: '2Gi', 'nvidia.com/gpu': '1' },
  });
  expect(resourcesOf({}, { requests: {}, limits: {} })).toEqual({ requests: {}, limits: {} });
});

test('resources are rendered as they will be stored', () => {
  const resources = { requests: { cpu: '0.5', memory: '1024Mi' }, limits: { cpu: '1000m', memory: '1.5Gi' } };
  expect(resourcesOf({ ...gpu, count: 1000 }, resources)).toEqual({
    requests: { cpu: '500m', memory: '1Gi' },
    limits: { cpu: '1', memory: '1536Mi', 'nvidia.com/gpu': '1k' },
  });
});

test('what a profile does not state is absent', () => {
  expect(schedulingOf({})).toEqual({});
  const tolerations = [{ operator: 'Exists' }] as const;
  expect(schedulingOf({ nodeSelector: { a: 'b' }, tolerations })).toEqual({ nodeSelector: { a: 'b' }, tolerations });
});

test('pods keep the restricted standard', () => {
  expect(podSecurity).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(containerSecurity).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
  expect(scratch(64).volume).toEqual({ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } });
  expect(scratch().volume.name).toBe(scratch().mount.name);
  expect(storeEnvFrom(settings)).toEqual([{ secretRef: { name: 'limbeck-store' } }]);
});

test.each([
  ['2Gi', '1Gi'],
  ['16Mi', '8Mi'],
  [1, '1Mi'],
])('with a memory limit of %s, /dev/shm holds %s', (memory, sizeLimit) => {
  const { volume, mount } = sharedMemory({ limits: { memory } });
  expect(volume).toEqual({ name: mount.name, emptyDir: { medium: 'Memory', sizeLimit } });
  expect(mount.mountPath).toBe('/dev/shm');
});
