/** A server that dies under load, whose requests another replica answers; and how the chart is installed. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModelServiceStatus } from '../../operator/api/generated.ts';
import { Kubectl, type Pod } from '../../demo/kubectl.ts';
import { bodyOf, Client, closedLoop, Tally } from '../../demo/traffic.ts';
import { inTrainer, kill, openLab, serving, training, type Lab } from './lab.ts';
import { namespaces } from './world.ts';

const enough = 100;
const kubectl = new Kubectl(namespaces.faults);
let lab: Lab;

const names = async (label: string): Promise<readonly string[]> =>
  (await kubectl.list<Pod>('pods', label))
    .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === 'Running')
    .map(({ metadata }) => metadata.name);

beforeAll(async () => {
  lab = await openLab();
}, 240_000);

afterAll(() => lab.gateway.close());

/** Eight clients without a pause; one of two replicas is killed under them. */
async function serveWithLoss(): Promise<Tally> {
  await kubectl.applyObject(serving('steady', { trainingJob: { name: 'plain' } }, { minReplicas: 2, maxReplicas: 2 }));
  await kubectl.applyObject(training('plain'));
  const twoReady = (): Promise<true> =>
    kubectl.until<ModelServiceStatus, true>({
      ...{ kind: 'msvc', name: 'steady', seconds: 120, what: 'having two ready replicas' },
      judge: ({ readyReplicas }) => (readyReplicas === 2 ? true : undefined),
    });
  await twoReady();
  const input = { name: 'input', datatype: 'FP32', shape: [-1, 1, 8, 8] };
  const model = { url: lab.gateway.url, namespace: namespaces.faults, name: 'steady', input };
  const tally = new Tally();
  const client = new Client(model, 8, tally);
  const sample = Array.from({ length: 64 }, (_, index) => index % 17);
  const [expected] = [await client.infer({ body: bodyOf(model, [sample]) })];
  const request = { body: bodyOf(model, [sample]), expected: expected ?? [] };
  const stop = new AbortController();
  const traffic = closedLoop(client, [request], 8, stop.signal);
  const [victim = ''] = await names('limbeck.dev/model-service=steady');
  // Looked for before it happens: its successor is ready within two seconds, which kubectl may take to begin a watch.
  const looking = Promise.withResolvers<void>();
  const loss = kubectl.until<ModelServiceStatus, true>({
    ...{ kind: 'msvc', name: 'steady', seconds: 60, what: 'noticing the loss' },
    judge: ({ readyReplicas }) => {
      looking.resolve();
      return readyReplicas === 1 ? true : undefined;
    },
  });
  await Promise.race([looking.promise, loss]);
  kill(kubectl, [victim]);
  await loss;
  await twoReady();
  // However slow the machine is: fewer would prove little.
  while (tally.sent <= enough) await pause(50);
  stop.abort();
  await traffic;
  await client.close();
  return tally;
}

describe('a pod that is killed', () => {
  // Unavoidable would be an answer of which the first byte had been passed on; these answers are one packet.
  test('a server under load: every request is answered, and rightly', async () => {
    const tally = await serveWithLoss();
    expect(tally.counts).toMatchObject({ failed: 0, wrong: 0, reasons: [] });
    expect(tally.answered).toBe(tally.sent);
    expect(tally.sent).toBeGreaterThan(enough);
  });
});

describe('the installed chart', () => {
  test('runs whole in namespaces that admit restricted pods alone', async () => {
    const label = '{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}';
    for (const namespace of [lab.config.system, namespaces.faults])
      expect(await kubectl.run(['get', 'namespace', namespace, `--output=jsonpath=${label}`])).toBe('restricted');
    const pods = await lab.system.list<Pod>('pods');
    expect(pods.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']).toSorted()).toEqual(
      ['gateway', 'gateway', 'operator', 'operator', 'store'].toSorted(),
    );
    expect(pods.map(({ status }) => status?.phase)).toEqual(pods.map(() => 'Running'));
  });

  test('has a store that logs and counts as our own processes do', async () => {
    const [pod] = await lab.system.list<Pod>('pods', 'app.kubernetes.io/component=store');
    const name = pod?.metadata.name ?? '';
    const lines = (await lab.system.run(['logs', name])).trim().split('\n');
    const keys = { level: expect.any(String), message: expect.any(String), timestamp: expect.any(String) };
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ component: 'store', ...keys });
    const address = await lab.system.run(['get', 'pod', name, '--output=jsonpath={.status.podIP}']);
    const ask = 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())';
    const metrics = await inTrainer(kubectl, lab.images.trainer, ask, `http://${address}:8081/metrics`);
    expect(metrics).toMatch(/^limbeck_store_up\{component="store"\} 1$/m);
    expect(metrics).toMatch(/^limbeck_store_requests_total\{operation="PutObject",code="200",.*\} [1-9]/m);
    expect(metrics).toMatch(/^limbeck_store_volume_free_bytes\{.*\} [1-9]/m);
  }, 240_000);
});
