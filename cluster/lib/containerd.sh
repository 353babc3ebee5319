# shellcheck shell=bash
# A containerd of our own: its sockets and mounts are below the state folder, its images in a store that outlives the cluster.

CONTAINERD_SOCKET=$STATE/run/containerd.sock
NODE_STORE=$CACHE/node-images
NODE_STORE_MIB=10240   # a larger one is begun anew: every build of an image leaves one more

write_containerd() {
  put "$STATE/containerd.toml" <<X
version = 2
root = "$NODE_STORE"
state = "$STATE/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  netns_mounts_under_state_dir = true
  # A host without CAP_SYS_RESOURCE may not lower oom_score_adj; every sandbox would die in runc.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$STATE/run/runc"
X
}

# Nothing syncs the store to disk, so it ends with the boot; and another containerd may keep it in another way.
store_recipe() {
  cat /proc/sys/kernel/random/boot_id
  containerd --version
}

store_usable() {
  [[ $(cat "$NODE_STORE/recipe" 2>/dev/null) == "$(store_recipe)" ]] &&
    (($(du --summarize --block-size=1M "$NODE_STORE" | cut -f1) <= NODE_STORE_MIB))
}

# Before a new cluster: the images stay, the containers of the last one go. A containerd without Kubernetes does that; the
# other would take them for pods of its own.
clear_store() {
  if ! (store_usable && forget_containers); then
    kill_all "$STATE"
    rm -rf "$NODE_STORE"
  fi
  mkdir -p "$NODE_STORE"
  store_recipe >"$NODE_STORE/recipe"
}

forget_containers() {
  local containers
  rm -rf "$NODE_STORE"/io.containerd.{grpc.v1.cri,runtime.v2.task}
  mkdir -p "$STATE/run"
  write_containerd
  sed 's/^disabled_plugins = \[/&"io.containerd.grpc.v1.cri", /' "$STATE/containerd.toml" >"$STATE/cleaning.toml"
  spawn "$STATE" cleaning containerd --config "$STATE/cleaning.toml"
  wait_for 30 ctr_of_cluster version || return 1
  mapfile -t containers < <(ctr_of_cluster containers ls -q)
  if ((${#containers[@]})); then ctr_of_cluster containers rm "${containers[@]}" || return 1; fi
  kill "$(pid_of "$STATE" cleaning)" && wait_for 10 dead "$STATE" cleaning
}

ctr_of_cluster() { ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }

ensure_containerd() {
  mkdir -p "$STATE/run"
  write_containerd
  ensure "$STATE" containerd containerd --config "$STATE/containerd.toml"
  wait_for 30 ctr_of_cluster version || die "containerd does not answer; its log is $STATE/logs/containerd.log"
  ensure_pause
}

# The sandbox image is one static program, written as an OCI archive by hand: no builder is needed to bring the cluster up.
ensure_pause() {
  ctr_of_cluster images ls -q | grep -qx localhost/pause:1 && return
  local work=$STATE/pause layer config manifest size
  rm -rf "$work"
  mkdir -p "$work"/{root,image/blobs/sha256}
  cp "$CURRENT/pause" "$work/root/pause"
  tar --create --numeric-owner --owner=0 --group=0 --mtime=@0 --directory="$work/root" --file="$work/layer" pause
  layer=$(add_blob "$work" layer)
  printf '{"architecture":"amd64","os":"linux","config":{"User":"65532:65532","Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
    "$layer" >"$work/config"
  size=$(stat -c %s "$work/layer")
  config=$(add_blob "$work" config)
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}' \
    "$config" "$(stat -c %s "$work/config")" "$layer" "$size" >"$work/manifest"
  manifest=$(add_blob "$work" manifest)
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"localhost/pause:1"}}]}' \
    "$manifest" "$(stat -c %s "$work/manifest")" >"$work/image/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
  tar --create --directory="$work/image" . | ctr_of_cluster images import - >/dev/null
  rm -rf "$work"
}

# Copies a file into an image's blobs under its digest, and prints that.
add_blob() {
  local sum
  sum=$(sha256sum <"$1/$2" | cut -d' ' -f1)
  cp "$1/$2" "$1/image/blobs/sha256/$sum"
  echo "sha256:$sum"
}
