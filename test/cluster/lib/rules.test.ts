import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newFolder, run } from '../../support/shell.ts';

const parts = ['common', 'process', 'network', 'rules'].map((part) => `lib/${part}.sh`);

/** What stays of a table when we go, kube-proxy's and the kubelet's rules being ours or not. */
async function left(kubernetes: 'yes' | 'no', ...table: readonly string[]): Promise<readonly string[]> {
  const { code, out } = await run(parts, `foreign_rules ${kubernetes} <<'X'\n${table.join('\n')}\nX`);
  expect(code).toBe(0);
  return out.trimEnd().split('\n');
}

const frame = [
  '*nat',
  ':POSTROUTING ACCEPT [0:0]',
  '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
  'COMMIT',
];

/** Masquerading of one pod, as the bridge plugin of a network of this name writes it. */
const podOf = (network: string, chain: string): readonly string[] => [
  `:${chain} - [0:0]`,
  `-A POSTROUTING -s 10.244.0.9/32 -m comment --comment "name: \\"${network}\\" id: \\"4f\\"" -j ${chain}`,
  `-A ${chain} -d 10.244.0.0/24 -m comment --comment "name: \\"${network}\\" id: \\"4f\\"" -j ACCEPT`,
  `-A ${chain} ! -d 224.0.0.0/4 -m comment --comment "name: \\"${network}\\" id: \\"4f\\"" -j MASQUERADE`,
];

const sharedByPorts = [
  ':CNI-HOSTPORT-DNAT - [0:0]',
  ':CNI-HOSTPORT-MASQ - [0:0]',
  '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
  '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
  '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
];

/** A mapped port of a pod, as the portmap plugin writes it. */
const portOf = (network: string, chain: string): readonly string[] => [
  `:${chain} - [0:0]`,
  `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"${network}\\" id: \\"4f\\"" -m multiport --dports 80 -j ${chain}`,
  `-A ${chain} -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.9:80`,
];

const kubernetes = [
  ':KUBE-SERVICES - [0:0]',
  '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  '-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -j KUBE-SVC-NPX',
];

const ours = [':LIMBECK-OUTPUT - [0:0]', '-A OUTPUT -j LIMBECK-OUTPUT', '-A LIMBECK-OUTPUT -p tcp -j REJECT'];

describe('of the rules of a host', () => {
  test.each<[string, 'yes' | 'no', readonly string[], readonly string[]]>([
    ['those of nobody we know stay', 'yes', [], []],
    ['our own chains and what jumps there go', 'no', ours, []],
    ["those of our pods' network go", 'no', [...podOf('limbeck', 'CNI-aa')], []],
    ["those of another network stay, Podman's say", 'yes', podOf('podman', 'CNI-bb'), podOf('podman', 'CNI-bb')],
    [
      'those of a network stay whose name begins like ours',
      'yes',
      podOf('limbeck2', 'CNI-b'),
      podOf('limbeck2', 'CNI-b'),
    ],
    ['of both, the others stay', 'yes', [...podOf('limbeck', 'CNI-aa'), ...podOf('x', 'CNI-bb')], podOf('x', 'CNI-bb')],
    ['our mapped ports go', 'yes', [...sharedByPorts, ...portOf('limbeck', 'CNI-DN-aa')], []],
    [
      'what mapped ports share stays for others',
      'yes',
      [...sharedByPorts, ...portOf('limbeck', 'CNI-DN-aa'), ...portOf('podman', 'CNI-DN-bb')],
      [...sharedByPorts, ...portOf('podman', 'CNI-DN-bb')],
    ],
    ["kube-proxy's go where ours has run", 'yes', kubernetes, []],
    ["another Kubernetes' stay", 'no', kubernetes, kubernetes],
    [
      'a comment about one of ours is not one',
      'yes',
      ['-A INPUT -m comment --comment "as KUBE-SERVICES" -j DROP'],
      ['-A INPUT -m comment --comment "as KUBE-SERVICES" -j DROP'],
    ],
  ])('%s', async (_, whose, more, stays) => {
    expect(await left(whose, ...frame.slice(0, 3), ...more, 'COMMIT')).toEqual([
      ...frame.slice(0, 3),
      ...stays,
      'COMMIT',
    ]);
  });
});

/** A folder like /proc with one process more than the one that looks. */
function processes(name: string, net: string): string {
  const proc = newFolder();
  for (const [pid, comm, namespace] of [
    ['self', 'bash', 'net:[1]'],
    ['7', name, net],
  ] as const) {
    mkdirSync(join(proc, pid, 'ns'), { recursive: true });
    writeFileSync(join(proc, pid, 'comm'), `${comm}\n`);
    symlinkSync(namespace, join(proc, pid, 'ns/net'));
  }
  return proc;
}

describe('another Kubernetes', () => {
  test.each<[string, string, string, string]>([
    ['is known by its kubelet', 'kubelet', 'net:[1]', 'kubelet\n'],
    ['is known by the program that is all in one', 'k3s-server', 'net:[1]', 'k3s-server\n'],
    ['in a network of its own, a container, is none of ours to mind', 'kubelet', 'net:[2]', ''],
    ['is not any program', 'kubectl', 'net:[1]', ''],
  ])('%s', async (_, name, net, found) => {
    expect((await run(parts, `foreign_kubernetes ${processes(name, net)}`)).out).toBe(found);
  });

  test.each<[string, string, string]>([
    ['where none of ours has run', '', 'no'],
    ['where ours has run', 'mkdir -p "$STATE"; touch "$STATE/proxy.yaml"', 'yes'],
    ['where ours has run and its state was lost', 'iptables() { [[ $* == *LIMBECK-FORWARD* ]]; }', 'yes'],
    [
      'where ours has run and another runs',
      'mkdir -p "$STATE"; touch "$STATE/kubelet.yaml"; foreign_kubernetes() { echo k3s; }',
      'no',
    ],
  ])('its traces are ours to remove: %s', async (_, before, answer) => {
    const host = 'iptables() { return 1; }; foreign_kubernetes() { :; }';
    const { out } = await run(parts, `${host}\n${before}\nkubernetes_was_ours && echo yes || echo no`);
    expect(out).toBe(`${answer}\n`);
  });
});
