# shellcheck shell=bash
# An API server, etcd and controllers without a node, for tests and benchmarks, beside the cluster if need be: `api-up` and
# `api-down`, or `api-run` for the time of one command.

# Another one beside it has a state folder of its own, LIMBECK_API_STATE, and a port, LIMBECK_API_PORT.
API_PORT=${LIMBECK_API_PORT:-16443}
# As in kube-controller-manager's --controllers: those that a test has no use for.
API_CONTROLLERS=${LIMBECK_API_CONTROLLERS:-*}

api_preflight() {
  if command -v ss >/dev/null; then check_ports "$API_STATE" "$API_PORT"; fi
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
    say "api-up: starting an API server on port $API_PORT"
    remove_api
    check_ports "$API_STATE" "$API_PORT"
    make_pki "$API_STATE" "$API_PORT"
    ensure_etcd "$API_STATE"
    # Nothing routes to this server's own Service, so it need not keep its endpoints. Where owner references are enforced,
    # who makes a child that keeps its owner from going needs a right on the owner, too.
    ensure_apiserver "$API_STATE" "$API_PORT" --bind-address=127.0.0.1 \
      --advertise-address=127.0.0.1 --endpoint-reconciler-type=none --authorization-mode=RBAC \
      --enable-admission-plugins=OwnerReferencesPermissionEnforcement
    wait_api "$API_STATE"
    ensure_controllers "$API_STATE" --controllers="$API_CONTROLLERS"
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

# API servers that killed tests left, or `api-up`. Where the lock is held somebody uses them.
remove_left_apis() {
  local state
  for state in "$CACHE"/api "$CACHE"/api-*; do
    [[ -d $state ]] || continue
    API_STATE=$state unless_held "${state##*/}" remove_api || say "sweep: $state is in use, and stays"
  done
}

api_down() {
  hold_lock "${API_STATE##*/}"
  remove_api
  say "api-down: gone"
}
