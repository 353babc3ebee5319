# shellcheck shell=bash
# `up`, `down`, `status`: the whole cluster.

# The last is nobody's: kube-proxy leads it to the gateway, past whoever listens there.
CLUSTER_PORTS=(6443 10250 10248 10249 10256 8181 30080)
PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy coredns)
STEPS=8

node_ready() {
  [[ $(kubectl_of "$STATE" get node "$NODE" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

healthy() {
  repairable && network_intact && ! first_dead "$STATE" "${PROCESSES[@]}" >/dev/null &&
    api_ready "$STATE" &>/dev/null && node_ready 2>/dev/null && gpus_there
}

# What a cluster was started as. State from before a reboot is not worth repairing: nothing of it runs, and etcd never
# synced to disk. Nor is what another version of these scripts started: its processes have other settings.
recipe() {
  boot_id
  (cd lib && cat versions.sh pki.sh control-plane.sh containerd.sh network.sh node.sh addons.sh) | digest
}
repairable() { [[ $(cat "$STATE/complete" 2>/dev/null) == "$(recipe)" ]]; }

step() { say "up $1/$STEPS $2"; }

ensure_control_plane() {
  ensure_etcd "$STATE"
  ensure_apiserver "$STATE" 6443 --advertise-address="$BRIDGE_ADDRESS" --authorization-mode=Node,RBAC \
    --enable-admission-plugins=NodeRestriction --kubelet-preferred-address-types=InternalIP \
    --kubelet-certificate-authority="$STATE/pki/ca.crt" \
    --kubelet-client-certificate="$STATE/pki/apiclient.crt" --kubelet-client-key="$STATE/pki/apiclient.key"
  wait_api "$STATE"
}

wait_node() {
  wait_for 60 node_ready && return
  tail -5 "$STATE/logs/kubelet.log" >&2
  die "the node is not ready after 60 s; its log is $STATE/logs/kubelet.log"
}

# Every step leaves alone what is there already, so the same steps start a cluster and repair one.
start() {
  step 2 "network"
  ensure_network
  step 3 "containerd"
  ensure_containerd
  step 4 "etcd and API server"
  ensure_control_plane
  step 5 "controllers and scheduler"
  ensure_controllers "$STATE"
  ensure_scheduler
  step 6 "kubelet, kube-proxy, DNS"
  ensure_kubelet
  ensure_proxy
  ensure_dns
  step 7 "waiting for the node"
  wait_node
  step 8 "DNS service, volumes, GPUs"
  dns_service
  local_volumes
  gpu "$(cat "$STATE/gpus" 2>/dev/null || echo 4)"
  wait_for 30 controllers_ready "$STATE" || die "the controllers do not work; see $STATE/logs/kube-controller-manager.log"
  wait_for 30 dns_answers || die "DNS is not ready; see $STATE/logs/coredns.log"
  all_alive
  recipe >"$STATE/complete"
}

all_alive() {
  local dead
  dead=$(first_dead "$STATE" "${PROCESSES[@]}") || return 0
  tail -5 "$STATE/logs/$dead.log" >&2
  die "$dead has ended; its log is $STATE/logs/$dead.log"
}

start_afresh() {
  step 1 "clearing what an earlier run left, new certificates"
  sweep
  check_conflicts
  mkdir -p "$STATE"
  clear_store
  make_pki "$STATE" 6443
  make_node_pki "$STATE" 6443
  start
}

# The steps in a shell of their own, which ends at the first that fails; on the left of || it would go on.
repair() {
  local outcome
  set +e
  (set -e; start)
  outcome=$?
  set -e
  if ((outcome == 0)) && healthy; then
    recycle_volumes
  else
    say "up: that did not help, starting afresh"
    start_afresh
  fi
}

up() {
  check_host
  check_cache_path
  binaries_complete || die "the cluster's programs are not built yet; run: cluster/cluster binaries"
  hold_lock cluster
  refuse_foreign
  local began=$SECONDS done='the cluster is running'
  if healthy; then
    recycle_volumes
  elif repairable; then
    step 1 "repairing: $(first_dead "$STATE" "${PROCESSES[@]}" || echo 'the network or the API') does not work"
    repair
    done="repaired in $((SECONDS - began)) s"
  else
    start_afresh
    done="ready in $((SECONDS - began)) s"
  fi
  # Not what starting afresh would mend, which takes everything away that runs.
  check_pods_reach_host
  say "up: $done"
}

down() {
  check_host
  hold_lock cluster
  refuse_foreign
  sweep
  say "sweep: API servers of tests"
  remove_left_apis
  say "down: nothing is left"
}

status() {
  [[ -f $STATE/complete ]] || { say "status: the cluster is down; start it with: cluster/cluster up"; exit 1; }
  local dead
  if dead=$(first_dead "$STATE" "${PROCESSES[@]}"); then
    say "status: $dead does not run; repair it with: cluster/cluster up"
    exit 1
  fi
  kubectl_of "$STATE" get nodes -o wide
  kubectl_of "$STATE" get pods --all-namespaces -o wide
}

environment() {
  printf 'export KUBECONFIG=%q\n' "$STATE/admin.conf"
  printf 'export PATH=%q:$PATH\n' "$CURRENT:$NODE_BIN"
  # curl and others ask a proxy for 127.0.0.1, too.
  printf 'export no_proxy=%q\n' "$(not_by_proxy)"
}
