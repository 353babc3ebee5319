# shellcheck shell=bash
# Removes whatever a cluster left on the host, however it ended. One way for `down`, for `up` after a kill, and for nothing at all.

# Mount points below a folder, innermost first.
mounts_below() { awk -v below="$1/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r; }

# unmount_below FOLDER
unmount_below() {
  local point
  while read -r point; do
    point=$(printf '%b' "$point")   # blanks are written \040
    umount "$point" 2>/dev/null || umount --lazy "$point" 2>/dev/null
  done < <(mounts_below "$1")
}

# Runs a command if nobody holds the lock NAME, which a run that uses the same things does: unless_held NAME COMMAND...
unless_held() (
  exec {lock}>"$CACHE/$1.lock"
  flock -n "$lock" && "${@:2}"
)

# A build that was killed leaves the root that it worked in mounted, and so do the trainer's tests.
remove_image_mounts() {
  [[ -n $(mounts_below "$IMAGES") ]] || return 0
  unless_held images unless_held trainer unmount_below "$IMAGES" || say "sweep: images are in use; what is mounted for that stays until it ends"
}

# Shims listen in a folder that cannot be configured; each notes its socket's address in the state folder.
remove_sockets() {
  local file
  for file in "$STATE"/run/containerd/io.containerd.runtime.v2.task/*/*/address; do
    [[ -f $file ]] && rm -f "$(sed 's,^unix://,,' "$file")"
  done
  rmdir /run/containerd/s /run/containerd 2>/dev/null
}

# The kubelet writes a few things outside its root whatever it is told; remove_strays yes|no: whether what every kubelet writes is ours.
remove_strays() {
  local link
  for link in /var/log/containers/*; do
    [[ -L $link && $(readlink "$link") == "$STATE"/* ]] && rm -f "$link"
  done
  rmdir /var/log/containers 2>/dev/null
  [[ $1 == yes && -S /var/lib/kubelet/device-plugins/kubelet.sock ]] && rm -rf /var/lib/kubelet/device-plugins
  rmdir /var/lib/kubelet 2>/dev/null
}

# Every removal is tried, whether or not there was something to remove.
sweep() {
  local kubernetes=no
  set +e
  say "sweep: processes"
  kill_all "$STATE"
  kubernetes_was_ours && kubernetes=yes
  say "sweep: pods"
  remove_cgroups
  remove_sockets
  say "sweep: mounts, links, rules"
  unmount_below "$STATE"
  remove_image_mounts
  remove_network "$kubernetes"
  unless_held prerequisites remove_guard
  remove_strays "$kubernetes"
  [[ -z $(mounts_below "$STATE") ]] || die "these mounts do not go away: $(mounts_below "$STATE" | tr '\n' ' '); unmount them and try again"
  say "sweep: files"
  rm -rf --one-file-system "$STATE" || die "$STATE cannot be removed whole; remove what is left of it and try again"
  set -e
}
