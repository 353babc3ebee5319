/** Several namespaces and several releases in one cluster: the policies of each let through what is its own. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { objects, render, renderAs, type Manifest } from './helm.ts';
import { enters, leaves, type Connection, type NetworkPolicy, type Place } from './traffic.ts';

const settings = ['networkPolicy.enabled=true', 'store.namespaces={default,team}'];
/** The release's own and those that it is told of; its policies are over the pods there. */
const covered = ['limbeck-system', 'default', 'team'];
const uncovered = 'elsewhere';

const workloads = /^(Deployment|StatefulSet|Job)$/;

/** The pods of what is rendered, in their namespace or in another one. */
const podsOf = (all: readonly Manifest[], namespace?: string): ReadonlyMap<string, Place> =>
  new Map(
    all
      .filter(({ kind }) => workloads.test(kind))
      .map(({ metadata, spec: { template } }) => {
        const containers = template.spec.containers as readonly {
          readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
        }[];
        const ports = containers
          .flatMap(({ ports: own = [] }) => own)
          .map((one) => [one.name, one.containerPort] as const);
        const place = { namespace: namespace ?? metadata.namespace ?? '', labels: template.metadata.labels };
        return [metadata.name, { ...place, ports: Object.fromEntries(ports) }] as const;
      }),
  );

const policiesOf = (all: readonly Manifest[]): readonly NetworkPolicy[] =>
  all.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as readonly NetworkPolicy[];

/** The only pod that the operator makes of an example, wherever somebody applies it. */
async function made(example: string, namespace: string): Promise<Place> {
  const [pod, ...others] = podsOf(
    objects(await readFile(`test/golden/examples/digits-${example}.yaml`, 'utf8')),
    namespace,
  ).values();
  if (pod === undefined || others.length > 0) throw new Error(`${example} is not one workload`);
  return pod;
}

const everyMade = async (namespaces: readonly string[], example: string): Promise<ReadonlyMap<string, Place>> =>
  new Map(await Promise.all(namespaces.map(async (one) => [one, await made(example, one)] as const)));

type Admission = (connection: Connection) => boolean;

/** Both ends let it through. */
const passing =
  (policies: readonly NetworkPolicy[]): Admission =>
  (connection) =>
    leaves(policies, connection) && enters(policies, connection);

/** `from to` of all pairs between which a connection is admitted. */
const pairs = (
  admits: Admission,
  [from, to]: readonly [ReadonlyMap<string, Place>, ReadonlyMap<string, Place>],
  port: number,
): readonly string[] =>
  [...from].flatMap(([one, source]) =>
    [...to].filter(([, target]) => admits({ from: source, to: target, port })).map(([other]) => `${one} ${other}`),
  );

const withItself = (names: readonly string[]): readonly string[] => names.map((name) => `${name} ${name}`);

let chart: readonly Manifest[] = [];
let policies: readonly NetworkPolicy[] = [];
let own: ReadonlyMap<string, Place> = new Map();
beforeAll(async () => {
  chart = objects(await render('test/charts/values-default.yaml', ...settings));
  [policies, own] = [policiesOf(chart), podsOf(chart)];
});

const only = (name: string): ReadonlyMap<string, Place> => new Map([[name, own.get(`limbeck-${name}`)!]]);

describe('namespaces', () => {
  test.each(['teacher', 'student'])('workers of a %s reach those of their own namespace alone', async (example) => {
    const workers = await everyMade(covered, example);
    expect(pairs((one) => enters(policies, one), [workers, workers], 29_500)).toEqual(withItself(covered));
    expect(pairs((one) => leaves(policies, one), [workers, workers], 29_500)).toEqual(withItself(covered));
  });

  test('workers of a training and of a distillation do not reach each other', async () => {
    const [teachers, students] = await Promise.all(['teacher', 'student'].map((one) => everyMade(covered, one)));
    expect(pairs(passing(policies), [teachers!, students!], 29_500)).toEqual([]);
    expect(pairs(passing(policies), [students!, teachers!], 29_500)).toEqual([]);
  });

  test.each([
    ['teacher', ['operator']],
    ['student', ['operator']],
    ['service', ['operator', 'gateway']],
  ])('what is made of a %s in any namespace is asked by: %j; and has the store', async (example, askers) => {
    const pods = await everyMade(covered, example);
    for (const asker of ['operator', 'gateway'])
      expect(pairs(passing(policies), [only(asker), pods], 8080)).toEqual(
        askers.includes(asker) ? covered.map((one) => `${asker} ${one}`) : [],
      );
    expect(pairs(passing(policies), [pods, only('store')], 7070)).toEqual(covered.map((one) => `${one} store`));
    expect(pairs(passing(policies), [pods, only('operator')], 8081)).toEqual([]);
  });

  test('a pod where no policy is takes whatever comes, and reaches no more than the labels of its kind', async () => {
    const pods = await everyMade([uncovered], 'service');
    expect(pairs(passing(policies), [only('gateway'), pods], 8080)).toEqual([`gateway ${uncovered}`]);
    expect(pairs(passing(policies), [pods, pods], 1)).toEqual([`${uncovered} ${uncovered}`]);
    expect(pairs(passing(policies), [pods, only('operator')], 8081)).toEqual([]);
  });

  test('of a release for one namespace there are policies in that one, and in no other', async () => {
    const namespaced = policiesOf(objects(await render('test/charts/values-namespaced.yaml')));
    expect(new Set(namespaced.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['limbeck-system']));
    const workers = await everyMade(['limbeck-system'], 'teacher');
    expect(pairs(passing(namespaced), [workers, workers], 29_500)).toEqual(['limbeck-system limbeck-system']);
    expect(pairs(passing(namespaced), [workers, only('gateway')], 8081)).toEqual([]);
  });

  test('of a release for one namespace nobody of another one reaches the store, nor is asked', async () => {
    const namespaced = policiesOf(objects(await render('test/charts/values-namespaced.yaml')));
    const pods = await everyMade(['limbeck-system', uncovered], 'service');
    expect(pairs((one) => enters(namespaced, one), [pods, only('store')], 7070)).toEqual(['limbeck-system store']);
    for (const asker of ['operator', 'gateway'])
      expect(pairs((one) => leaves(namespaced, one), [only(asker), pods], 8080)).toEqual([`${asker} limbeck-system`]);
  });

  test('all but the store ask for names by UDP and TCP', async () => {
    const examples = ['teacher', 'student', 'service'];
    const generated = await Promise.all(examples.map(async (one) => [one, await made(one, 'team')] as const));
    const asking = new Map([...own, ...generated]);
    const dns: Place = { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' }, ports: { dns: 53 } };
    const able = (protocol: 'TCP' | 'UDP', port: number) =>
      [...asking].filter(([, from]) => passing(policies)({ from, to: dns, port, protocol })).map(([name]) => name);
    const names = [...asking.keys()].filter((name) => name !== 'limbeck-store');
    expect(names.length).toBe(5);
    expect([able('UDP', 53), able('TCP', 53), able('UDP', 443), able('UDP', 8080)]).toEqual([names, names, [], []]);
  });
});

test('the components of two releases do not reach each other', async () => {
  const file = 'test/charts/values-default.yaml';
  const others = objects(await renderAs({ name: 'second', namespace: 'second-system' }, file, ...settings));
  const both = [...policies, ...policiesOf(others)];
  const all = new Map([...own, ...podsOf(others)]);
  const ports = [7070, 8080, 8081, 29_500];
  const crossing = ports.flatMap((port) =>
    pairs(passing(both), [all, all], port)
      .filter((pair) => new Set(pair.split(' ').map((name) => name.split('-')[0])).size === 2)
      .map((pair) => `${pair} ${String(port)}`),
  );
  expect(all.size).toBe(6);
  expect(crossing).toEqual([]);
});
