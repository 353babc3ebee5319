# shellcheck shell=bash
# An API server, etcd and controllers without a node, for tests and benchmarks, beside the cluster if need be: `api-up` and
# `api-down`, or `api-run` for the time of one command.

# Another one beside it has a state folder of its own, LIMBECK_API_STATE, and three ports in a row from LIMBECK_API_PORT.
API_PORTS=(16443 12379 12380)
if [[ -n ${LIMBECK_API_PORT:-} ]]; then API_PORTS=("$LIMBECK_API_PORT" "$((LIMBECK_API_PORT + 1))" "$((LIMBECK_API_PORT + 2))"); fi

api_preflight() {
  if command -v ss >/dev/null; then check_ports "$API_STATE" "${API_PORTS[@]}"; fi
}

api_alive() {
  ! first_dead "$API_STATE" etcd kube-apiserver kube-controller-manager >/dev/null &&
    [[ -f $API_STATE/complete ]] && api_ready "$API_STATE" &>/dev/null
}

api_up() {
  hold_lock "${API_STATE##*/}"
  start_api
  echo "$API_STATE/admin.conf"
}

# Always a new one, held until the command has ended, which finds it by LIMBECK_TEST_KUBECONFIG.
api_run() {
  [[ ${1:-} == -- ]] && shift
  hold_lock "${API_STATE##*/}"
  remove_api
  trap remove_api EXIT
  start_api
  cd "$REPOSITORY"
  LIMBECK_TEST_KUBECONFIG=$API_STATE/admin.conf "$@" {LOCK}>&-
}

start_api() {
  binaries_complete || die "the cluster's programs are not built yet; run: cluster/cluster binaries"
  if ! api_alive; then
    say "api-up: starting an API server on port ${API_PORTS[0]}"
    remove_api
    check_ports "$API_STATE" "${API_PORTS[@]}"
    make_pki "$API_STATE" "${API_PORTS[0]}"
    ensure_etcd "$API_STATE" "${API_PORTS[1]}" "${API_PORTS[2]}"
    # Nothing routes to this server's own Service, so it need not keep its endpoints. Where owner references are enforced,
    # who makes a child that keeps its owner from going needs a right on the owner, too.
    ensure_apiserver "$API_STATE" "${API_PORTS[0]}" "${API_PORTS[1]}" --bind-address=127.0.0.1 \
      --advertise-address=127.0.0.1 --endpoint-reconciler-type=none --authorization-mode=RBAC \
      --enable-admission-plugins=OwnerReferencesPermissionEnforcement
    wait_api "$API_STATE"
    ensure_controllers "$API_STATE"
    wait_for 30 controllers_ready "$API_STATE" || die "the controllers do not work; see $API_STATE/logs/kube-controller-manager.log"
    touch "$API_STATE/complete"
  fi
  say "api-up: ready"
}

remove_api() {
  [[ -d $API_STATE ]] || return 0
  kill_all "$API_STATE"
  rm -rf "$API_STATE"
}

api_down() {
  hold_lock "${API_STATE##*/}"
  remove_api
  say "api-down: gone"
}
