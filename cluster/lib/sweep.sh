# shellcheck shell=bash
# Removes whatever a cluster left on the host, however it ended. One way for `down`, for `up` after a kill, and for nothing at all.

# Mount points below the state folder, innermost first.
mounts_below() { awk -v below="$1/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r; }

remove_mounts() {
  local point
  while read -r point; do
    point=$(printf '%b' "$point")   # blanks are written \040
    umount "$point" 2>/dev/null || umount --lazy "$point" 2>/dev/null
  done < <(mounts_below "$STATE")
}

# Shims listen in a folder that cannot be configured; each notes its socket's address in the state folder.
remove_sockets() {
  local file
  for file in "$STATE"/run/containerd/io.containerd.runtime.v2.task/*/*/address; do
    [[ -f $file ]] && rm -f "$(sed 's,^unix://,,' "$file")"
  done
  rmdir /run/containerd/s /run/containerd 2>/dev/null
}

# The kubelet writes a few things outside its root whatever it is told.
remove_strays() {
  local link
  for link in /var/log/containers/*; do
    [[ -L $link && $(readlink "$link") == "$STATE"/* ]] && rm -f "$link"
  done
  rmdir /var/log/containers 2>/dev/null
  [[ -S /var/lib/kubelet/device-plugins/kubelet.sock ]] && rm -rf /var/lib/kubelet/device-plugins
  rmdir /var/lib/kubelet 2>/dev/null
}

# Every removal is tried, whether or not there was something to remove.
sweep() {
  set +e
  say "sweep: processes"
  kill_all "$STATE"
  say "sweep: pods"
  remove_cgroups
  remove_sockets
  say "sweep: mounts, links, rules"
  remove_mounts
  remove_network
  remove_guard
  remove_strays
  [[ -z $(mounts_below "$STATE") ]] || die "these mounts do not go away: $(mounts_below "$STATE" | tr '\n' ' '); unmount them and try again"
  say "sweep: files"
  rm -rf "$STATE"
  set -e
}
