# shellcheck shell=bash
# What a cluster could leave on its host, a line each; the same before and after where it leaves nothing. Asked of the kernel, and not by
# the functions that the sweep removes with: what they do not find they would not miss either.

# Those that name a folder in their arguments, and those of pods, wherever they were started.
traces_of_processes() {
  local folder
  for folder in /proc/[0-9]*; do
    { grep -qaF "$1/" "$folder/cmdline" || grep -q '/kubepods' "$folder/cgroup"; } 2>/dev/null || continue
    echo "process $({ tr '\0' ' ' <"$folder/cmdline"; } 2>/dev/null)"
  done
}

traces() {
  local tool
  # Built-in chains, and tables without a rule, are there as soon as somebody has asked for them.
  for tool in iptables ip6tables; do
    "$tool-save" 2>/dev/null | grep -v '^[#*]\|^COMMIT\|^:[A-Z]* ACCEPT ' | sed "s/ \[.*//; s/^/$tool /" || true
  done
  ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/link \1/'
  ip netns list | sed 's/^/network namespace /'
  sysctl "${SETTINGS[@]}" 2>/dev/null || true
  traces_of_processes "$STATE"
  grep -F "$STATE/" /proc/self/mountinfo | sed 's/^/mount /' || true
  find /sys/fs/cgroup -type d \( -name 'kubepods*' -o -name "$CGROUP" \) -prune -printf 'control group %p\n'
  find "$STATE" /var/lib/kubelet /var/log/containers /run/containerd /var/lib/cni -maxdepth 0 2>/dev/null || true
}
