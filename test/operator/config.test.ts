import { expect, test } from '@jest/globals';
import { parseConfig } from '../../operator/config.ts';

const text = `
images: { trainer: trainer:1, server: server:1 }
imagePullPolicy: Never
store: { uri: s3://limbeck/, secretName: limbeck-store }
gateway: { service: limbeck-gateway, namespace: limbeck, port: 80, adminPort: 8081, graceSeconds: 75 }
clusterDomain: cluster.local
schedulerName: volcano
serverEnvironment: { OTEL_EXPORTER_OTLP_ENDPOINT: http://collector:4318, LIMBECK_SLOTS: '8' }
gpuProfiles:
  cpu: {}
  gpu:
    resourceName: nvidia.com/gpu
    count: 2
    nodeSelector: { accelerator: h100, node-role.kubernetes.io/gpu: '' }
    tolerations:
      - { key: nvidia.com/gpu, operator: Exists, effect: NoSchedule }
      - { key: spot, value: '', effect: NoExecute, tolerationSeconds: 60 }
    autoscaled: true
    memoryGiB: 80
    images: { server: server-cuda:1 }
`;

test('reads what the chart writes', () => {
  const environment = {
    POD_NAME: 'operator-0',
    POD_NAMESPACE: 'limbeck',
    LIMBECK_ADMIN_PORT: '9000',
    LIMBECK_LOG_LEVEL: 'debug',
  };
  expect(parseConfig(environment, text)).toEqual({
    ok: true,
    value: {
      settings: {
        images: { trainer: 'trainer:1', server: 'server:1' },
        imagePullPolicy: 'Never',
        store: { uri: 's3://limbeck', secretName: 'limbeck-store' },
        gateway: { service: 'limbeck-gateway', namespace: 'limbeck', port: 80, adminPort: 8081, graceSeconds: 75 },
        ...{ clusterDomain: 'cluster.local', schedulerName: 'volcano' },
        serverEnvironment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', LIMBECK_SLOTS: '8' },
        gpuProfiles: {
          cpu: {},
          gpu: {
            ...{ resourceName: 'nvidia.com/gpu', count: 2, autoscaled: true, memoryGiB: 80 },
            nodeSelector: { accelerator: 'h100', 'node-role.kubernetes.io/gpu': '' },
            images: { server: 'server-cuda:1' },
            tolerations: [
              { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
              { key: 'spot', value: '', effect: 'NoExecute', tolerationSeconds: 60 },
            ],
          },
        },
      },
      ...{ adminPort: 9000, logLevel: 'debug', podName: 'operator-0', namespace: 'limbeck' },
      leaderElection: { leaseName: 'limbeck-operator', leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 },
    },
  });
});

test('an empty variable is an absent one', () => {
  const parsed = parseConfig({ LIMBECK_ADMIN_PORT: '', LIMBECK_LOG_LEVEL: ' ', POD_NAMESPACE: '' }, text);
  expect(parsed).toMatchObject({ ok: true, value: { adminPort: 8081, logLevel: 'info', namespace: 'default' } });
});

test('every mistake is reported at once', () => {
  const wrong = `
images: { trainer: 7 }
imagePullPolicy: Sometimes
store: { uri: /tmp/store, secretName: '' }
gateway: gateway
gpuProfiles: { gpu: { resourcename: nvidia.com/gpu, count: 0, autoscaled: 1, tolerations: [{ operator: Maybe }, 3, { value: 1, tolerationSeconds: 60 }], nodeSelector: 1, images: { gateway: g } } }
leaderElection: { leaseSeconds: 5 }
colour: red
serverEnvironment: { LIMBECK_PORT: '1', OTEL_TRACES_SAMPLER: 1 }
`;
  const parsed = parseConfig({ LIMBECK_ADMIN_PORT: 'eighty', LIMBECK_LOG_LEVEL: 'loud' }, wrong);
  expect(parsed.ok ? [] : parsed.violations).toEqual([
    'gateway must be an object',
    'images.trainer must be a text, not 7',
    'images.server is missing',
    'imagePullPolicy must be one of Always, IfNotPresent, Never, not "Sometimes"',
    'store.uri must be s3://<bucket>, not "/tmp/store"',
    'store.secretName must be a text, not ""',
    'gateway.service is missing',
    'gateway.namespace is missing',
    'serverEnvironment must not set LIMBECK_PORT',
    'serverEnvironment.OTEL_TRACES_SAMPLER must be a text, not 1',
    'gpuProfiles.gpu.resourcename is not known; resourceName, count, nodeSelector, tolerations, autoscaled, memoryGiB, images are',
    'gpuProfiles.gpu.count must be a whole number from 1 to 1024, not 0',
    'gpuProfiles.gpu.autoscaled must be true or false, not 1',
    'gpuProfiles.gpu.nodeSelector must be an object',
    'gpuProfiles.gpu.tolerations[1] must be an object',
    'gpuProfiles.gpu.tolerations[0].operator must be one of Exists, Equal, not "Maybe"',
    'gpuProfiles.gpu.tolerations[2].value must be a text, not 1',
    'gpuProfiles.gpu.tolerations[2] may have tolerationSeconds with effect NoExecute alone',
    'gpuProfiles.gpu.images.gateway is not known; trainer, server are',
    'LIMBECK_ADMIN_PORT must be a whole number from 0 to 65535, not "eighty"',
    'LIMBECK_LOG_LEVEL must be one of debug, info, warn, error, not "loud"',
    'leaderElection must have leaseSeconds > renewDeadlineSeconds > 1.2 * retrySeconds',
    'colour is not known; images, imagePullPolicy, store, gateway, clusterDomain, gpuProfiles, leaderElection, watchNamespace, schedulerName, serverEnvironment are',
  ]);
});

test.each([
  ['no YAML', 'images: {', 'the configuration file is not YAML'],
  ['an empty file', '', 'the configuration must be an object'],
  ['a list', '[]', 'the configuration must be an object'],
])('%s is one of them', (_, broken, sentence) => {
  const parsed = parseConfig({}, broken);
  expect(parsed.ok ? '' : parsed.violations.join('\n')).toContain(sentence);
});

test('one namespace may be served alone, when the gateway is there too', () => {
  const text = (namespace: string): string => `
images: { trainer: t, server: s }
store: { uri: 's3://limbeck', secretName: limbeck-store }
gateway: { service: gateway, namespace: research }
gpuProfiles: { cpu: {} }
watchNamespace: ${namespace}
`;
  expect(parseConfig({}, text('research'))).toMatchObject({ ok: true, value: { watchNamespace: 'research' } });
  expect(parseConfig({}, text('elsewhere'))).toEqual({
    ok: false,
    violations: ['the configuration must have the gateway in watchNamespace'],
  });
});
