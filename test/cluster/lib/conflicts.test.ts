import { describe, expect, test } from '@jest/globals';
import { run } from '../../support/shell.ts';

const parts = ['common', 'process', 'network', 'conflicts'].map((part) => `lib/${part}.sh`);

const listener = (address: string, name: string, pid: number): string =>
  `LISTEN 0 32 ${address} 0.0.0.0:* users:(("${name}",pid=${pid},fd=4))`;

/** `ss` answers this for TCP and nothing for UDP; process 7 is the cluster's own. */
const check = (socket: string) =>
  run(parts, `ss() { [[ $1 != *t* ]] || echo '${socket}'; }; processes_of() { echo 7; }; check_dns_port`);

describe("the port of the cluster's DNS", () => {
  test.each([
    ['all addresses', '0.0.0.0:53'],
    ['all addresses of both families', '*:53'],
    ['that of the bridge', '10.244.0.1:53'],
  ])('is refused to a DNS server at %s, with the remedy', async (_, address) => {
    const { code, error } = await check(listener(address, 'dnsmasq', 2_147_483_647));
    expect(code).toBe(1);
    expect(error).toMatch(
      /^cluster: port 53 is in use by .*pid 2147483647.*listens there at 10\.244\.0\.1; stop it, or let it/,
    );
  });

  test.each([
    ["the host's own resolver", listener('127.0.0.53%lo:53', 'systemd-resolve', 8)],
    ['one for virtual machines', listener('192.168.122.1:53', 'dnsmasq', 8)],
    ["the cluster's own", listener('10.244.0.1:53', 'coredns', 7)],
    ['nobody', ''],
  ])('is shared with %s', async (_, socket) => {
    expect(await check(socket)).toEqual({ code: 0, out: '', error: '' });
  });
});

describe('a route of the host', () => {
  test.each([
    [
      "to another cluster's pods",
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1',
      '10.244.0.0/24 by cni0',
    ],
    ['to one address among the Services', '10.96.3.4 via 10.8.0.1 dev tun0', '10.96.3.4 by tun0'],
    ['to a part of them', '10.96.128.0/17 via 10.8.0.1 dev tun0 metric 50', '10.96.128.0/17 by tun0'],
  ])('%s is refused, with the remedy', async (_, route, what) => {
    const { code, error } = await run(parts, `ip() { echo '${route}'; }; check_routes`);
    expect({ code, error }).toEqual({
      code: 1,
      error: expect.stringContaining(`this host sends ${what} and the cluster needs`),
    });
    expect(error).toContain('leave that network');
  });

  test.each([
    ['of our own bridge', '10.244.0.0/24 dev limbeck0 proto kernel scope link src 10.244.0.1'],
    ['to anywhere', 'default via 192.0.2.1 dev eth0'],
    ['that is wider', '10.0.0.0/8 via 10.8.0.1 dev tun0'],
    ['that is wider and begins alike', '10.244.0.0/16 via 10.8.0.1 dev tun0'],
    ['beside them', '10.244.1.0/24 dev cni0 proto kernel scope link'],
    ['below them', '10.95.255.0/24 dev eth1'],
  ])('%s does no harm', async (_, route) => {
    expect(await run(parts, `ip() { echo '${route}'; }; check_routes`)).toEqual({ code: 0, out: '', error: '' });
  });
});

test('a port is taken by whom one cannot see, too', async () => {
  const script = `ss() { echo 'LISTEN 0 32 0.0.0.0:30080 0.0.0.0:*'; }; processes_of() { echo 7; }; check_ports "$STATE" 30080`;
  expect(await run(parts, script)).toMatchObject({
    code: 1,
    error: expect.stringContaining('port 30080 is in use by a process that cannot be seen from here'),
  });
});

test('a port that a process of ours listens on is free for ours', async () => {
  const script = (own: number) =>
    `ss() { echo '${listener('127.0.0.1:6443', 'x', 7)}'; }; processes_of() { echo ${own}; }; check_ports "$STATE" 6443`;
  expect((await run(parts, script(7))).code).toBe(0);
  expect(await run(parts, script(8))).toMatchObject({
    code: 1,
    error: expect.stringContaining('port 6443 is in use by'),
  });
});
