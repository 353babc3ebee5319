# shellcheck shell=bash
# What a cluster could leave on its host, a line each; the same before and after where it leaves nothing.

traces() {
  local tool folder
  # Built-in chains, and tables without a rule, are there as soon as somebody has asked for them.
  for tool in iptables ip6tables; do
    "$tool-save" 2>/dev/null | grep -v '^[#*]\|^COMMIT\|^:[A-Z]* ACCEPT ' | sed "s/ \[.*//; s/^/$tool /" || true
  done
  ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/link \1/'
  ip netns list | sed 's/^/network namespace /'
  sysctl "${SETTINGS[@]}" 2>/dev/null || true
  processes_of "$STATE" | sed 's/^/process /'
  mounts_below "$STATE" | sed 's/^/mount /'
  cgroup_folders | while read -r folder; do [[ ! -d $folder ]] || echo "control group $folder"; done
  find "$STATE" /var/lib/kubelet /var/log/containers /run/containerd /var/lib/cni -maxdepth 0 2>/dev/null || true
}
