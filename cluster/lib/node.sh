# shellcheck shell=bash
# What makes the host a node: kubelet, kube-proxy, and the cluster's DNS as a process of the host.

CGROUP=limbeck   # every pod runs below this cgroup, so that `down` finds every last process

# One folder of ours in each cgroup hierarchy (v1) or in the only one (v2).
cgroup_folders() {
  local mounted
  while read -r mounted; do echo "$mounted/$CGROUP"; done < <(findmnt -rno TARGET -t cgroup,cgroup2)
}

ensure_cgroups() {
  local folder controller
  if [[ -f /sys/fs/cgroup/cgroup.subtree_control ]]; then
    for controller in cpu cpuset memory pids io hugetlb; do
      (echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control) 2>/dev/null || true   # not every kernel has all
    done
  fi
  while read -r folder; do
    mkdir -p "$folder"
    # By default all pods together would weigh as much as one process of the host: probes would fail on a busy machine.
    if [[ -f $folder/cpu.shares ]]; then echo 10240 >"$folder/cpu.shares"; fi
    if [[ -f $folder/cpu.weight ]]; then echo 1000 >"$folder/cpu.weight"; fi
    [[ -f $folder/cgroup.clone_children && -f $folder/cpuset.cpus ]] || continue
    # In v1 a new cpuset is empty, and no process can enter it.
    cat "${folder%/*}/cpuset.cpus" >"$folder/cpuset.cpus"
    cat "${folder%/*}/cpuset.mems" >"$folder/cpuset.mems"
  done < <(cgroup_folders)
}

remove_cgroups() {
  local folder pids try
  for ((try = 0; try < 50; try++)); do
    # A process that cannot be seen from here, of another container, is 0 there; and `kill 0` means our own group.
    mapfile -t pids < <(cgroup_folders | while read -r folder; do
      [[ -d $folder ]] && find "$folder" -name cgroup.procs -exec cat {} + 2>/dev/null
    done | sort -u | grep -vx 0)
    ((${#pids[@]})) || break
    kill -9 "${pids[@]}" 2>/dev/null
    sleep 0.1
  done
  while read -r folder; do
    [[ -d $folder ]] && find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null
  done < <(cgroup_folders)
  return 0
}

write_kubelet() {
  : >"$STATE/resolv.conf"   # pods ask the cluster's DNS and nobody else
  put "$STATE/kubelet.yaml" <<X
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: $STATE/pki/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
tlsCertFile: $STATE/pki/kubelet.crt
tlsPrivateKeyFile: $STATE/pki/kubelet.key
address: $BRIDGE_ADDRESS
healthzPort: 10248
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: ["$SERVICE_DNS"]
clusterDomain: cluster.local
resolvConf: $STATE/resolv.conf
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
podLogsDir: $STATE/pods
volumePluginDir: $STATE/volume-plugins
serializeImagePulls: false
# Images cannot be pulled again, so neither their age nor a full disk may remove them.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {nodefs.available: 1Mi, imagefs.available: 1Mi, memory.available: 100Mi, nodefs.inodesFree: 0%, imagefs.inodesFree: 0%}
X
}

write_proxy() {
  put "$STATE/proxy.yaml" <<X
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $STATE/pki/proxy.conf}
hostnameOverride: $NODE
mode: iptables
nodePortAddresses: [127.0.0.0/8]   # what is served here asks nobody who he is, so it is for this host alone
clusterCIDR: $POD_RANGE
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {localhostNodePorts: true, minSyncPeriod: 100ms}
X
}

# Names outside the cluster do not exist: nothing is forwarded anywhere. Two blocks, since within one block the template
# would answer before the cluster does.
write_corefile() {
  put "$STATE/Corefile" <<X
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
  bind $BRIDGE_ADDRESS
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig $STATE/admin.conf limbeck
  }
  cache 2
}
.:53 {
  bind $BRIDGE_ADDRESS
  errors
  template ANY ANY {
    rcode NXDOMAIN
  }
}
X
}

# Ready means that it knows the API server's own Service, not only that it listens.
dns_answers() {
  node -e 'const { Resolver } = require("node:dns").promises
    const resolver = new Resolver({ timeout: 1000, tries: 1 })
    resolver.setServers([process.argv[1]])
    resolver.resolve4("kubernetes.default.svc.cluster.local").then(() => process.exit(0), () => process.exit(1))' "$BRIDGE_ADDRESS"
}

ensure_scheduler() {
  ensure "$STATE" kube-scheduler kube-scheduler --kubeconfig="$STATE/pki/scheduler.conf" --secure-port=0 --leader-elect=false
}

ensure_kubelet() {
  ensure_cgroups
  write_kubelet
  ensure "$STATE" kubelet kubelet --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/pki/kubelet.conf" \
    --hostname-override="$NODE" --node-ip="$BRIDGE_ADDRESS" --root-dir="$STATE/kubelet"
}

ensure_proxy() {
  write_proxy
  ensure "$STATE" kube-proxy kube-proxy --config="$STATE/proxy.yaml"
}

ensure_dns() {
  write_corefile
  ensure "$STATE" coredns coredns -conf "$STATE/Corefile"
}
