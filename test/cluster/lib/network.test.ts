import { describe, expect, test } from '@jest/globals';
import { run, type Ended } from '../../support/shell.ts';

const parts = ['common', 'process', 'network'].map((part) => `lib/${part}.sh`);

/** A firewall: its rules, each a line that begins with its chain; a chain of ours is a line, too. */
const firewall = `
  rules=$CACHE/rules; touch "$rules"
  iptables() {
    case $2 in
      -C) grep -qxF -- "$3 $4 $5" "$rules" ;;
      -N) ! grep -qx "chain $3" "$rules" && echo "chain $3" >>"$rules" ;;
      -F) sed -i "/^\${3:-[A-Z]*} /d" "$rules" ;;
      -A | -I) echo "\${*:3}" >>"$rules" ;;
    esac
  }`;

const after = async (script: string): Promise<readonly string[]> =>
  (await run(parts, `${firewall}\n${script}\nsort "$rules"`)).out.trim().split('\n');

describe('the rules of the network', () => {
  test('let pods reach each other, the world, and of the host its API server and DNS alone, and nobody from outside them', async () => {
    const rules = (await run(parts, `${firewall}\nensure_chains; cat "$rules"`)).out.trim().split('\n');
    expect(rules.filter((rule) => rule.startsWith('LIMBECK-FORWARD'))).toEqual([
      'LIMBECK-FORWARD -i limbeck0 -j ACCEPT',
      'LIMBECK-FORWARD -o limbeck0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      'LIMBECK-FORWARD -o limbeck0 -j REJECT',
    ]);
    expect((await after('ensure_chains')).filter((rule) => /^LIMBECK-INPUT.*ACCEPT$/.test(rule))).toEqual([
      'LIMBECK-INPUT -i limbeck0 -p tcp -m multiport --dports 53,6443 -j ACCEPT',
      'LIMBECK-INPUT -i limbeck0 -p udp --dport 53 -j ACCEPT',
    ]);
  });

  test.each([
    ['once more', ':'],
    ['after a firewall has taken back what led to them', 'sed -i "/^$chain /d" "$rules"'],
    ['after a firewall has emptied everything', 'sed -i "/^chain /!d" "$rules"'],
    ['after a firewall has removed everything', ': >"$rules"'],
  ])('are made whole %s', async (_, harm) => {
    const whole = await after('ensure_chains');
    expect(whole).toContain('FORWARD -j LIMBECK-FORWARD');
    for (const chain of ['FORWARD', 'INPUT', 'OUTPUT'])
      expect(await after(`ensure_chains; chain=${chain}; ${harm}; ensure_chains; chains_intact`)).toEqual(whole);
  });

  test.each(['FORWARD', 'INPUT', 'OUTPUT'])('that %s does not lead to are not whole', async (chain) => {
    const script = `ensure_chains; sed -i "/^${chain} /d" "$rules"; chains_intact && echo whole || echo broken`;
    expect((await after(script))[0]).toBe('broken');
  });
});

describe('the way from pods to the host', () => {
  test('that a firewall closes is told with what opens it', async () => {
    const script = `put_chains_first() { :; }; wait_for() { shift; "$@"; }; as_a_pod() { return 1; }; check_pods_reach_host`;
    const { code, error } = await run(parts, script);
    expect(code).toBe(1);
    expect(error).toContain(
      'pods do not reach the API server and DNS of this host, as a firewall drops what comes from limbeck0',
    );
  });

  /** In a network of its own: a bridge, and who listens as the API server and DNS do. */
  const host = `ip link add "$BRIDGE" type bridge; ip address add "$BRIDGE_ADDRESS/24" dev "$BRIDGE"; ip link set "$BRIDGE" up
    node -e 'for (const port of [6443, 53]) require("net").createServer().listen(port, process.argv[1])' "$BRIDGE_ADDRESS" &
    trap "kill $!" EXIT
    wait_for 20 pods_reach_host && echo open`;
  const there = (script: string): Promise<Ended> => {
    const sourced = parts.map((part) => `. cluster/${part}`).join('; ');
    return run(parts, `exec unshare --net bash -euc '${`${sourced}; ${host}; ${script}`.replaceAll("'", `'\\''`)}'`);
  };

  test('is opened again where another firewall of iptables has come first', async () => {
    const script = `ensure_chains; iptables -w -I INPUT -i "$BRIDGE" -j REJECT; pods_reach_host || echo closed
      check_pods_reach_host; pods_reach_host && echo open; chains_intact && echo whole`;
    expect((await there(script)).out).toBe('open\nclosed\nopen\nwhole\n');
  });

  test.each([
    ['of either', 'tcp'],
    ['of the API server', 'tcp --dport 6443'],
    ['of DNS', 'tcp --dport 53'],
  ])('is tried from where pods are, and is closed where a firewall closes that %s', async (_, what) => {
    const script = `none() { [[ -z $(ip -o link show type veth) ]]; }; iptables -w -A INPUT -i "$BRIDGE" -p ${what} -j REJECT; pods_reach_host || echo closed; wait_for 10 none && echo gone`;
    const { out, error } = await there(script);
    expect({ out, error }).toEqual({ out: 'open\nclosed\ngone\n', error: expect.anything() });
  });
});

describe('the settings of the kernel', () => {
  test('of before another boot do not come back', async () => {
    const script = `mkdir -p "$STATE"; echo net.ipv4.ip_forward=0 >"$STATE/settings-of-another-boot"
      echo net.ipv4.ip_forward=0 >"$STATE/settings"; sysctl() { echo "sysctl $*"; }; modprobe() { echo modprobe; }; restore_settings`;
    expect((await run(parts, script)).out).toBe('');
  });
});

describe('the filter of bridges', () => {
  const settings = (before: string): Promise<string> =>
    run(
      parts,
      `mkdir -p "$STATE"; modprobe() { echo "modprobe $*"; }
      sysctl() { [[ $1 == -n ]] || { echo "sysctl $*"; return; }; case $2 in ${before} net.ipv4.ip_forward) echo 0 ;; *) return 1 ;; esac; }
      save_settings || true; restore_settings`,
    ).then(({ out }) => out);

  test('that the host did not have goes with the cluster', async () => {
    expect(await settings('')).toBe('sysctl -qw net.ipv4.ip_forward=0\nmodprobe -rq br_netfilter\n');
  });

  test('that the host had is as it was', async () => {
    expect((await settings('net.bridge.*) echo 0 ;;')).trim().split('\n').sort()).toEqual([
      'sysctl -qw net.bridge.bridge-nf-call-iptables=0',
      'sysctl -qw net.ipv4.ip_forward=0',
    ]);
  });
});
