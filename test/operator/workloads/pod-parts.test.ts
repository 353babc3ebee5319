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

test('nodes that are added on demand need not be there', () => {
  const profiles = withProfiles({ cpu: {}, gpu: { ...gpu, autoscaled: true }, tpu: { ...gpu, autoscaled: false } });
  expect(chooseProfile(['gpu', 'cpu'], profiles, [plain])).toMatchObject({ ok: true, name: 'gpu' });
  expect(chooseProfile(['tpu', 'cpu'], profiles, [plain])).toMatchObject({ ok: true, name: 'cpu' });
});

const onDemand = 'where nodes with nvidia.com/gpu are added on demand, set gpuProfiles.gpu.autoscaled';
const taintedBy = (...taints: NonNullable<Node['spec']>['taints'] & object): Node =>
  node({ spec: { taints }, status: { conditions, allocatable } });
const present = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };
const spot = { key: 'spot', effect: 'NoExecute' };
const full = { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' };
const tolerateIt = 'tolerate it in gpuProfiles.gpu.tolerations';

test.each<[string, GpuProfile, readonly Node[], string]>([
  ['how many were looked at', gpu, [plain, plain], `(2 nodes looked at); ${onDemand}`],
  ['that all lack a label', { nodeSelector: { model: 'h100' } }, [plain], '(1 node looked at)'],
  [
    'the taint of who has the device',
    gpu,
    [plain, taintedBy(present)],
    `(2 nodes looked at); 1 node has nvidia.com/gpu but the taint nvidia.com/gpu=present:NoSchedule: ${tolerateIt}`,
  ],
  [
    'the most frequent of several taints',
    gpu,
    [taintedBy(spot), taintedBy(present), taintedBy(present)],
    `(3 nodes looked at); 2 nodes have nvidia.com/gpu but the taint nvidia.com/gpu=present:NoSchedule: ${tolerateIt}`,
  ],
  [
    'all taints of one node that are not tolerated, and no milder one',
    gpu,
    [taintedBy(present, spot, { ...spot, effect: 'PreferNoSchedule' })],
    `(1 node looked at); 1 node has nvidia.com/gpu but the taints nvidia.com/gpu=present:NoSchedule and spot:NoExecute: tolerate them in gpuProfiles.gpu.tolerations`,
  ],
  [
    'which taints are left',
    { ...gpu, tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }] },
    [taintedBy(present, spot)],
    `(1 node looked at); 1 node has nvidia.com/gpu but the taint spot:NoExecute: ${tolerateIt}`,
  ],
  [
    'how the node is doing, which nobody is to tolerate',
    gpu,
    [taintedBy(present, full)],
    '(1 node looked at); 1 node has nvidia.com/gpu but the taints nvidia.com/gpu=present:NoSchedule and node.kubernetes.io/disk-pressure:NoSchedule',
  ],
  [
    'the taint of a node without devices',
    {},
    [taintedBy(present)],
    `(1 node looked at); 1 node has what gpu asks for but the taint nvidia.com/gpu=present:NoSchedule: ${tolerateIt}`,
  ],
])('where no node fits, it is said %s', (_, profile, nodes, expected) => {
  expect(chooseProfile(['gpu'], withProfiles({ gpu: profile }), nodes)).toEqual({
    ...{ ok: false, reason: 'NoNodeFits', message: `no ready node satisfies gpu ${expected}` },
  });
});

test('where no node fits any of several profiles, it is said of each', () => {
  const both = withProfiles({ small: gpu, large: { ...gpu, count: 8 } });
  const choice = chooseProfile(['large', 'small'], both, [taintedBy(present)]);
  expect(choice).toMatchObject({
    message:
      'no ready node satisfies large or small (1 node looked at); where nodes with nvidia.com/gpu are added on demand, set ' +
      'gpuProfiles.large.autoscaled; 1 node has nvidia.com/gpu but the taint nvidia.com/gpu=present:NoSchedule: tolerate it in gpuProfiles.small.tolerations',
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
