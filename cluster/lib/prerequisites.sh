# shellcheck shell=bash
# What the host must have. Each thing missing is one sentence with its remedy.

# Command or file that proves a package, and the package.
PACKAGES=(
  containerd:containerd runc:runc /usr/lib/cni/bridge:containernetworking-plugins conntrack:conntrack
  iptables:iptables ip:iproute2 ss:iproute2 buildah:buildah skopeo:skopeo debootstrap:debootstrap
  openssl:openssl getfattr:attr modprobe:kmod tar:tar flock:util-linux sysctl:procps pip3:python3-pip
)
# Cold: Go's caches 5 GB, programs 1 GB, images in three forms 9 GB, a running cluster 3 GB.
COLD_GIB=20
GO_GIB=5
WARM_GIB=5

check_host() {
  [[ $(uname -s) == Linux ]] || die "this needs Linux and found $(uname -s); use a Debian machine or a virtual one"
  [[ $(uname -m) == x86_64 ]] || die "this needs an x86-64 machine and found $(uname -m); use a Debian machine of that kind"
  # Debian's sudo has a path of its own, whatever -E says, on which Go and npm need not be; in the
  # user's home what root writes would be closed to him.
  # shellcheck disable=SC2016 # For whoever types it.
  ((EUID == 0)) || die 'this needs root for namespaces, mounts and network links; run it again with: sudo -E env HOME=/root "PATH=$PATH" make …'
  command -v apt-get >/dev/null || die "this needs Debian's apt-get, which was not found; use a Debian machine, or set KUBECONFIG to an existing cluster"
}

# Root of a container may do little; what it lacks would show when everything is built.
check_rights() {
  unshare --mount --net true 2>/dev/null && [[ -w /proc/sys/net/ipv4/ip_forward ]] ||
    die "this root may not make mounts and networks, as in most containers; use a machine, a virtual one, or a container with --privileged --cgroupns=host"
}

# Without these the kubelet does not start. Below a group that has processes there are only those that somebody has let through already;
# the root of all, which has no type, may have some.
check_cgroups() {
  local root=${CGROUPS:-/sys/fs/cgroup} have controller
  [[ -f $root/cgroup.controllers ]] || return 0   # v1
  have=$(<"$root/cgroup.controllers")
  if [[ -e $root/cgroup.type && -n $(cat "$root/cgroup.procs") ]]; then have=$(<"$root/cgroup.subtree_control"); fi
  for controller in cpu cpuset memory pids; do
    [[ " $have " == *" $controller "* ]] || die "pods cannot have control groups for $controller here; use a machine, a virtual one, or a container with --privileged --cgroupns=host"
  done
}

# What a machine that is sold with 8 GB says of itself, less what its kernel keeps.
MEMORY_KIB=$((7 * 1024 * 1024))
check_memory() {
  local have
  have=$(awk '/^MemTotal:/ {print $2}' "${MEMINFO:-/proc/meminfo}")
  ((have >= MEMORY_KIB)) || die "8 GB of memory are needed and $((have / 1000 / 1000)) GB were found; use a larger machine, or set KUBECONFIG to an existing cluster"
}

# containerd and buildah lay the layers of images over each other below the cache, which not every file system can carry.
check_layers() {
  local trial
  trial=$(mktemp -d "$CACHE/layers.XXXXXX") && mkdir "$trial"/{lower,upper,work,merged}
  if unshare --mount mount -t overlay overlay -o "lowerdir=$trial/lower,upperdir=$trial/upper,workdir=$trial/work" "$trial/merged" 2>/dev/null
  then rm -rf "$trial"; return; fi
  rm -rf "$trial"
  die "the file system below $CACHE cannot carry the layers of images (overlay); set LIMBECK_CACHE to a folder of an ext4 or xfs disk, in a container to a volume"
}

check_npm() {
  command -v npm >/dev/null || die "npm, of any Node, brings the project's packages and was not found; install it and put it on the PATH"
}

check_go() {
  command -v go >/dev/null || die "Go $GO_MINIMUM or newer builds the cluster's programs and was not found; install it (Debian's own is older) and put it on the PATH"
  local have
  have=$(go env GOVERSION) || die "go was found at $(command -v go), but does not work; install Go $GO_MINIMUM or newer"
  have=${have#go}
  [[ $(printf '%s\n' "$GO_MINIMUM" "$have" | sort -V | head -1) == "$GO_MINIMUM" ]] ||
    die "Go $GO_MINIMUM or newer is needed and $have was found; install a newer one"
}

existing() { if [[ -e $1 ]]; then echo "$1"; else existing "$(dirname "$1")"; fi; }
disk_of() { stat --format=%d "$(existing "$1")"; }

# check_room FOLDER GIB VARIABLE: what will be written below a folder must have room; the variable names another one.
check_room() {
  local free
  free=$(($(df --output=avail -k "$(existing "$1")" | tail -1) / 1024 / 1024))
  ((free >= $2)) || die "$2 GiB of free disk are needed below $1 and $free are there; free some, or set $3 to another disk"
}

check_disk() {
  local variable
  mkdir -p "$CACHE" 2>/dev/null || die "the cache folder $CACHE cannot be made; set LIMBECK_CACHE to a folder that can be written"
  if binaries_complete; then
    check_room "$CACHE" "$(largest_image_built && echo "$WARM_GIB" || echo "$COLD_GIB")" LIMBECK_CACHE
    return
  fi
  check_room "$CACHE" "$COLD_GIB" LIMBECK_CACHE
  for variable in GOCACHE GOMODCACHE; do
    [[ $(disk_of "$(go env "$variable")") == $(disk_of "$CACHE") ]] || check_room "$(go env "$variable")" "$GO_GIB" "$variable"
  done
}

missing_packages() {
  local entry
  for entry in "${PACKAGES[@]}"; do
    [[ -e ${entry%%:*} ]] || command -v "${entry%%:*}" >/dev/null || echo "${entry##*:}"
  done | sort -u
}

# A policy that forbids starting services: Debian's containerd would only be in the way of ours.
GUARD=/usr/sbin/policy-rc.d
GUARD_MARK='# Of cluster/cluster, which removes it when its packages are installed.'

place_guard() {
  [[ -e $GUARD ]] && return
  printf '#!/bin/sh\n%s\nexit 101\n' "$GUARD_MARK" >"$GUARD"
  chmod +x "$GUARD"
}

# Ours alone, also one that a killed run left.
remove_guard() {
  grep -qsxF "$GUARD_MARK" "$GUARD" && rm -f "$GUARD"
  return 0
}

# After what an installation that was killed had begun; a stranger's that is under way is waited for.
apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a || echo "dpkg --configure -a failed; going on"
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# What a package of ours brings would run beside ours from the next boot on. It is Debian's own, and part of every Debian.
keep_from_boot() { deb-systemd-helper disable "$1" >/dev/null 2>&1 || true; }

install_packages() {
  remove_guard
  (($#)) || return 0
  say "prerequisites: installing Debian packages: $*"
  trap remove_guard EXIT
  place_guard
  mkdir -p "$CACHE/logs"
  # shellcheck disable=SC2034 # Read by with_heartbeat.
  local remedy='; is the network there, and are the sources of apt right?'
  with_heartbeat "apt-get update" "$CACHE/logs/apt-update.log" apt-get update
  with_heartbeat "apt-get install" "$CACHE/logs/apt-install.log" apt_install "$@"
  if [[ " $* " == *' containerd '* ]]; then keep_from_boot containerd.service; fi
  remove_guard
  trap - EXIT
}

# What can be told at once, before anything is installed; what only a package can tell comes with `prerequisites`.
preflight() {
  check_host
  check_rights
  check_cgroups
  check_memory
  check_npm
  check_cache_path
  check_go
  check_disk
  check_layers
  refuse_foreign
  check_conflicts
}

prerequisites() {
  preflight
  # Two at once would meet at dpkg's lock, and one would take the other's guard away.
  hold_lock prerequisites
  local missing
  mapfile -t missing < <(missing_packages)
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || die "these packages could not be installed: ${missing[*]}; see $CACHE/logs/apt-install.log"
  check_conflicts
  say "prerequisites: complete"
}
