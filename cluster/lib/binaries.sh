# shellcheck shell=bash
# Builds the cluster's programs from their Go modules, each once, into <cache>/bin/<name>-<version>/.

# A program with a main of our own has that in its version.
own_version() { echo "$1-$(digest <"$REPOSITORY/cluster/$2/main.go")"; }

# name, version, minutes on two cores from an empty module cache
binaries_table() {
  echo "kubernetes $KUBERNETES_VERSION 8"
  echo "etcd $ETCD_VERSION 1"
  echo "coredns $(own_version "$COREDNS_VERSION" coredns) 1"
  echo "helm $HELM_VERSION 2"
  echo "versitygw $VERSITYGW_VERSION 3"
  echo "pause $(own_version 1 pause) 1"
}

# What tests alone need: nobody who only looks at the demo waits for it.
test_binaries_table() { echo "promrules $(own_version "$PROMETHEUS_VERSION" promrules) 1"; }

# A go.mod of our own in the current folder. Kubernetes pins its staging modules by replace, which only the main module may do.
wrapper_module() { printf 'module wrapper\ngo %s.0\n' "$GO_MINIMUM" >go.mod; }

STAGING=(
  api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator
  component-base component-helpers controller-manager cri-api cri-client csi-translation-lib dynamic-resource-allocation
  endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics
  mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller
)

build_kubernetes() {
  local version=$1 out=$2 module symbol=k8s.io/component-base/version
  wrapper_module
  go mod edit -require "k8s.io/kubernetes@v$version"
  for module in "${STAGING[@]}"; do go mod edit -replace "k8s.io/$module=k8s.io/$module@v0.${version#1.}"; done
  local minor=${version#1.}
  go build -mod=mod -o "$out/" \
    -ldflags="-s -w -X $symbol.gitVersion=v$version -X $symbol.gitMajor=1 -X $symbol.gitMinor=${minor%%.*}" \
    k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy,kubectl}
}

build_etcd() {
  wrapper_module
  go get -tool "go.etcd.io/etcd/server/v3@v$1"   # as a tool, because its module has replaces
  go build -ldflags='-s -w' -o "$2/etcd" go.etcd.io/etcd/server/v3
}

# Our main with the few plugins that the cluster uses: half the size and a third of the time of the stock one.
build_coredns() {
  wrapper_module
  cp "$REPOSITORY/cluster/coredns/main.go" .
  go get "github.com/coredns/coredns@v${1%%-*}"
  go build -mod=mod -ldflags='-s -w' -o "$2/coredns" .
}

build_helm() { GOBIN=$2 go install -ldflags="-s -w -X helm.sh/helm/v3/internal/version.version=v$1" "helm.sh/helm/v3/cmd/helm@v$1"; }
build_versitygw() { GOBIN=$2 go install -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@v$1"; }

build_pause() {
  wrapper_module
  cp "$REPOSITORY/cluster/pause/main.go" .
  go build -ldflags='-s -w' -o "$2/pause" .
}

# Our main around Prometheus' rules: half the packages of promtool and half its time.
build_promrules() {
  wrapper_module
  cp "$REPOSITORY/cluster/promrules/main.go" .
  go get "github.com/prometheus/prometheus@v${1%%-*}"
  go build -mod=mod -ldflags='-s -w' -o "$2/promrules" .
}

# Builds into a folder beside the target and renames it when complete: a folder of the final name is always whole.
build_one() {
  local name=$1 version=$2 target=$BIN/$1-$2 work
  work=$BIN/.building/$name
  rm -rf "$work"
  mkdir -p "$work"/{module,out,go}
  (
    # Where /tmp is memory, gigabytes of objects would be, too.
    export CGO_ENABLED=0 GOFLAGS='-buildvcs=false -trimpath' GOTMPDIR=$work/go
    cd "$work/module" && "build_$name" "$version" "$work/out"
  )
  rm -rf "$target"
  mv "$work/out" "$target"
  rm -rf "$work"
}

# link_current TABLE
link_current() {
  local name version program
  mkdir -p "$CURRENT"
  find "$CURRENT" -xtype l -delete
  while read -r name version _; do
    for program in "$BIN/$name-$version"/*; do ln -sfn "$program" "$CURRENT/${program##*/}"; done
  done < <("$1")
}

binaries() { build_all binaries_table; }
test_binaries() { build_all test_binaries_table; }

# build_all TABLE
build_all() {
  local table=$1 count=0 total name version minutes built=0 began=$SECONDS
  # shellcheck disable=SC2034 # Read by with_heartbeat.
  local remedy='; is the network there, for the modules of Go, and enough memory?'
  hold_lock binaries
  total=$("$table" | wc -l)
  mkdir -p "$CACHE/logs"
  while read -r name version minutes; do
    count=$((count + 1))
    [[ -d $BIN/$name-$version ]] && continue
    built=$((built + 1))
    say "binaries $count/$total $name $version (about $minutes min the first time)"
    with_heartbeat "$name" "$CACHE/logs/build-$name.log" build_one "$name" "$version"
  done < <("$table")
  link_current "$table"
  say "binaries: $total of $total there, $built built in $((SECONDS - began)) s"
}

binaries_complete() {
  local name version
  while read -r name version _; do [[ -d $BIN/$name-$version ]] || return 1; done < <(binaries_table)
}
