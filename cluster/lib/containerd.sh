# shellcheck shell=bash
# A containerd of our own: its data, sockets and mounts all below the state folder.

CONTAINERD_SOCKET=$STATE/run/containerd.sock

write_containerd() {
  put "$STATE/containerd.toml" <<X
version = 2
root = "$STATE/containerd"
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
