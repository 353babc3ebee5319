# shellcheck shell=bash
# etcd, API server and controllers of one state folder; alone they serve integration tests, with a node they are the cluster.

# Who reaches etcd may do anything in the cluster, and so on this host: by sockets in the state folder, whose owner alone may.
# etcd demands a host and a port of them, whose name a socket has in the current folder, which is STATE for both processes.
ETCD_SOCKET=unix://etcd:0
PEER_SOCKET=unix://peer:0

# ensure_etcd STATE. Without fsync: the data never outlives the cluster.
ensure_etcd() {
  ensure "$1" etcd etcd --data-dir="$1/etcd" --unsafe-no-fsync --logger=zap --log-level=warn \
    --listen-client-urls="$ETCD_SOCKET" --advertise-client-urls="$ETCD_SOCKET" \
    --listen-peer-urls="$PEER_SOCKET" --initial-advertise-peer-urls="$PEER_SOCKET" --initial-cluster="default=$PEER_SOCKET"
}

# ensure_apiserver STATE PORT FLAGS...
ensure_apiserver() {
  local state=$1 port=$2 pki=$1/pki
  shift 2
  ensure "$state" kube-apiserver kube-apiserver --etcd-servers="$ETCD_SOCKET" --secure-port="$port" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range="$SERVICE_RANGE" \
    --allow-privileged=true "$@"
}

# ensure_controllers STATE FLAGS... No port: nothing asks it anything.
ensure_controllers() {
  local state=$1 pki=$1/pki
  shift
  ensure "$state" kube-controller-manager kube-controller-manager --kubeconfig="$pki/controllers.conf" --secure-port=0 \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --use-service-account-credentials --leader-elect=false "$@"
}

# kubectl as the administrator of a state folder: kubectl_of STATE ARGUMENTS...
kubectl_of() {
  local state=$1
  shift
  kubectl --kubeconfig="$state/admin.conf" --request-timeout=10s "$@"
}

api_ready() { kubectl_of "$1" get --raw /readyz; }

# The default service account is the last thing that a new cluster grows and the first that pods need.
controllers_ready() { kubectl_of "$1" --namespace=default get serviceaccount default; }

# Over, for better or worse: a dead process is not waited for.
api_decided() { first_dead "$1" etcd kube-apiserver || api_ready "$1"; }

wait_api() {
  local state=$1 dead
  wait_for 60 api_decided "$state" || true
  if dead=$(first_dead "$state" etcd kube-apiserver); then
    tail -5 "$state/logs/$dead.log" >&2
    die "$dead has ended; its log is $state/logs/$dead.log"
  fi
  api_ready "$state" &>/dev/null && return
  tail -5 "$state/logs/kube-apiserver.log" >&2
  die "the API server is not ready after 60 s; its log is $state/logs/kube-apiserver.log"
}
