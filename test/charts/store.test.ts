/** The pod of the embedded store: what it tells our process there, and how the kubelet asks it. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfig, type Config } from '../../runtime/store/config.ts';
import { objects, render } from './helm.ts';

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly livenessProbe: { readonly httpGet: object };
  readonly readinessProbe: { readonly httpGet: object };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly mountPath: string; readonly subPath?: string }[];
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [Container];
}

let pod: Pod;
let container: Container;
let config: Config;

beforeAll(async () => {
  const made = objects(await render('test/charts/values-default.yaml'));
  pod = made.find(({ kind }) => kind === 'StatefulSet')?.spec.template.spec as unknown as Pod;
  container = pod.containers[0];
  const environment = Object.fromEntries(container.env.map(({ name, value = '' }) => [name, value]));
  const read = parseConfig(environment, ['versitygw', ...container.args]);
  if (!read.ok) throw new Error(read.violations.join());
  config = read.value;
});

describe('the pod of the store', () => {
  test('is ready when its S3 server answers, and alive when our process hears it answer', () => {
    const { readinessProbe, livenessProbe } = container;
    expect(readinessProbe.httpGet).toEqual({ path: '/healthz', port: 's3' });
    expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'admin' });
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual({ s3: 7070, admin: config.adminPort });
    expect(config.healthUrl).toBe('http://127.0.0.1:7070/healthz');
  });

  test('has the volume that is watched', () => {
    const whole = container.volumeMounts.filter(({ subPath }) => subPath === undefined);
    expect(whole.map(({ mountPath }) => mountPath)).toEqual([config.volume]);
  });

  test('lives longer than its S3 server may take to stop', () => {
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(config.graceMs);
  });
});
