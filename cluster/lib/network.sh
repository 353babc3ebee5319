# shellcheck shell=bash
# The pods' network: one bridge, addresses from one range, and every trace of it taken away again.

NODE=limbeck
BRIDGE=limbeck0
POD_RANGE=10.244.0.0/24
LAST_POD_ADDRESS=10.244.0.253
TRIAL_ADDRESS=10.244.0.254   # of no pod
BRIDGE_ADDRESS=10.244.0.1
SERVICE_RANGE=10.96.0.0/16
SERVICE_API=10.96.0.1
SERVICE_DNS=10.96.0.10
CNI_RESULTS=/var/lib/cni/results   # of Debian's plugins, whatever they are told
GATEWAY_PORT=30080   # the NodePort of the demo's gateway

# Kernel settings that we, kube-proxy or the kubelet change; their old values come back with `down`.
SETTINGS=(
  net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.route_localnet
  vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes
)

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# Of this boot: what was set before another one is no matter of ours, and others may need what is set now.
settings_file() { echo "$STATE/settings-$(boot_id)"; }

save_settings() {
  local setting
  for setting in "${SETTINGS[@]}"; do
    printf '%s=%s\n' "$setting" "$(sysctl -n "$setting" 2>/dev/null)"
  done | grep -v '=$' >"$(settings_file)"
}

# The filter of bridges, where it was not loaded before, goes whole: it would go on filtering those of the host's virtual machines.
restore_settings() {
  local line file
  file=$(settings_file)
  [[ -s $file ]] || return 0
  while read -r line; do sysctl -qw "$line" 2>/dev/null; done <"$file"
  grep -q '^net\.bridge\.' "$file" || modprobe -rq br_netfilter 2>/dev/null
}

write_cni() {
  mkdir -p "$STATE/cni"
  put "$STATE/cni/10-limbeck.conflist" <<X
{"cniVersion": "1.0.0", "name": "limbeck", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$STATE/addresses",
            "ranges": [[{"subnet": "$POD_RANGE", "rangeEnd": "$LAST_POD_ADDRESS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
X
}

ensure_network() {
  [[ -f $(settings_file) ]] || save_settings
  modprobe -aq br_netfilter overlay 2>/dev/null || true   # built into some kernels
  sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 ||
    die "this kernel has no bridge filter, without which Services do not work; load the module br_netfilter"
  ip link show "$BRIDGE" &>/dev/null || ip link add "$BRIDGE" type bridge
  ip address replace "$BRIDGE_ADDRESS/24" dev "$BRIDGE"
  # Whose network this is: there is one of it on a host, whichever cache folder a cluster lives in.
  ip link set "$BRIDGE" up alias "$STATE"
  reattach_pods
  ensure_chains
  write_cni
}

# ensure_chain NAME FROM RULE...: a chain of ours, first in FROM, whatever is left of it where a firewall was loaded anew.
ensure_chain() {
  local name=$1 from=$2 rule words
  shift 2
  iptables -w -C "$from" -j "$name" 2>/dev/null && return
  iptables -w -N "$name" 2>/dev/null || iptables -w -F "$name"
  for rule; do
    read -ra words <<<"$rule"
    iptables -w -A "$name" "${words[@]}"
  done
  iptables -w -I "$from" -j "$name"
}

# Pods reach each other, the world, and of the host its API server and DNS, even where another firewall of iptables drops what it does not
# know; nobody from outside this host reaches them, who asks nobody who he is. The gateway's NodePort alone is ours: at another one
# somebody else may listen.
# A NodePort without endpoints is not translated. For clients of the host kube-proxy refuses it only in INPUT, when the kernel
# has recorded the flow as untranslated already; a client that comes from the same port within 120 s is then refused although
# there are endpoints again. Refused in OUTPUT it is never recorded.
ensure_chains() {
  ensure_chain LIMBECK-FORWARD FORWARD "-i $BRIDGE -j ACCEPT" \
    "-o $BRIDGE -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" "-o $BRIDGE -j REJECT"
  ensure_chain LIMBECK-INPUT INPUT "-i $BRIDGE -p tcp -m multiport --dports 53,6443 -j ACCEPT" "-i $BRIDGE -p udp --dport 53 -j ACCEPT"
  ensure_chain LIMBECK-OUTPUT OUTPUT \
    "-p tcp --dport $GATEWAY_PORT -m addrtype --dst-type LOCAL -m conntrack --ctstate NEW -j REJECT --reject-with tcp-reset"
}

chains_intact() {
  local from
  for from in FORWARD INPUT OUTPUT; do iptables -w -C "$from" -j "LIMBECK-$from" 2>/dev/null || return 1; done
}

# The pods of a bridge that somebody removed still have their ends of it.
reattach_pods() {
  local file link
  for file in "$CNI_RESULTS"/limbeck-*; do
    [[ -f $file ]] || continue
    for link in $(grep -o '"veth[0-9a-f]*"' "$file" | tr -d '"'); do
      [[ -e /sys/class/net/$link/master ]] || ip link set "$link" master "$BRIDGE" 2>/dev/null || true
    done
  done
}

network_intact() {
  ip -o -4 address show dev "$BRIDGE" up 2>/dev/null | grep -F " $BRIDGE_ADDRESS/" >/dev/null &&
    chains_intact && [[ $(sysctl -n net.ipv4.ip_forward) == 1 ]]
}

# Runs a command where a pod would be: in a network of its own, with one end on the bridge. Both ends go with it, a moment later.
as_a_pod() {
  unshare --net bash -euc '
    host=$1 bridge=$2 address=$3 end=trial-$$
    shift 3
    ip link add eth0 type veth peer name "$end" netns "$host"
    nsenter --target "$host" --net ip link set "$end" master "$bridge" up
    ip address add "$address" dev eth0
    ip link set eth0 up
    exec "$@"' as_a_pod $$ "$BRIDGE" "$TRIAL_ADDRESS/24" "$@"
}

# shellcheck disable=SC2016 # For the shell of the trial.
pods_reach_host() {
  as_a_pod timeout 5 bash -c 'for port in 6443 53; do (exec 3<>"/dev/tcp/$0/$port") || exit 1; done' "$BRIDGE_ADDRESS" 2>/dev/null
}

# Another firewall may have come first since.
put_chains_first() {
  local from
  for from in FORWARD INPUT OUTPUT; do
    iptables -w -D "$from" -j "LIMBECK-$from" && iptables -w -I "$from" -j "LIMBECK-$from"
  done
}

# What lets pods through in one table of nftables does not where another one drops them.
check_pods_reach_host() {
  pods_reach_host || { put_chains_first && wait_for 10 pods_reach_host; } || die "pods do not reach the API server and DNS of this host, as a firewall drops what comes from $BRIDGE; have it let that in, for example by: nft insert rule inet filter input iifname $BRIDGE accept, or firewall-cmd --zone=trusted --add-interface=$BRIDGE"
}

# The state folder of the cluster whose network this is, where that is another one and still runs.
foreign_owner() {
  local owner
  owner=$(cat "/sys/class/net/$BRIDGE/ifalias" 2>/dev/null)
  [[ -n $owner && $owner != "$STATE" && -n $(processes_of "$owner" | head -1) ]] && echo "$owner"
}

# Its network, rules and cgroup have the names that ours have.
refuse_foreign() {
  local owner
  owner=$(foreign_owner) || return 0
  die "another cluster runs on this host, from $owner; use that one, or remove it with: LIMBECK_CACHE=${owner%/cluster} make demo-down"
}

# containerd caches the loopback of a pod that was not taken down in good order, under a name that other clusters use too.
forget_loopbacks() {
  local file
  for file in "$CNI_RESULTS"/cni-loopback-*; do
    [[ -f $file ]] && grep -qF "\"sandbox\":\"$STATE/" "$file" && rm -f "$file"
  done
  return 0
}

# remove_network yes|no: whether the traces of kube-proxy and the kubelet are ours.
remove_network() {
  local link
  while read -r link; do
    ip link delete "$link" 2>/dev/null
  done < <(ip -o link show master "$BRIDGE" 2>/dev/null | sed -E 's/^[0-9]+: ([^@:]+).*/\1/')
  ip link delete "$BRIDGE" 2>/dev/null
  remove_rules "$1"
  if [[ $1 == yes ]]; then
    conntrack -D -s "$POD_RANGE" &>/dev/null
    conntrack -D -d "$SERVICE_RANGE" &>/dev/null
  fi
  rm -f "$CNI_RESULTS"/limbeck-*
  forget_loopbacks
  rmdir "$CNI_RESULTS" "${CNI_RESULTS%/*}" 2>/dev/null
  restore_settings
}
