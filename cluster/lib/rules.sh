# shellcheck shell=bash
# Which traces on the host are ours to take away: another Kubernetes or Podman leaves some of the same names.

# The programs of another Kubernetes in this network; ours are dead by the time that this is asked.
foreign_kubernetes() {
  local proc=${1:-/proc} folder name
  for folder in "$proc"/[0-9]*; do
    { read -r name <"$folder/comm"; } 2>/dev/null || continue
    case $name in
      kubelet | kube-proxy | kubelite | k3s | k3s-server | k3s-agent | microshift) ;;
      *) continue ;;
    esac
    [[ $(readlink "$folder/ns/net") == "$(readlink "$proc/self/ns/net")" ]] && echo "$name"
  done
  return 0
}

# Every kubelet and kube-proxy has the same rules and folders. They are ours where ours have run, and nobody else's do.
kubernetes_was_ours() {
  local others
  [[ -f $STATE/kubelet.yaml || -f $STATE/proxy.yaml ]] || iptables -w -n -L LIMBECK-FORWARD &>/dev/null || return
  others=$(foreign_kubernetes)
  [[ -z $others ]] && return
  say "sweep: another Kubernetes runs here (${others//$'\n'/, }); what could be its rules and folders stays"
  return 1
}

# foreign_rules yes|no <iptables-save: what stays of it when we go. Ours are the chains LIMBECK-*, those of our pods' network, which has its
# name in their comments, and, after yes, those of kube-proxy and the kubelet, and what port mappings share, if nobody else maps a port.
foreign_rules() {
  awk -v kubernetes="$1" '
    function target(  i, found) {
      for (i = 1; i < NF; i++) if ($i == "-j" || $i == "-g") found = $(i + 1)
      return found
    }
    function ours(chain) {
      return chain ~ /^LIMBECK-/ || chain in network || kubernetes == "yes" && (chain ~ /^KUBE-/ || !mapped && chain ~ /^CNI-HOSTPORT-/)
    }
    {
      line[NR] = $0
      inside[NR] = /^:/ ? substr($1, 2) : $1 == "-A" ? $2 : ""
      to[NR] = target()
    }
    index($0, "name: \\\"limbeck\\\" ") {
      named[NR]
      if (inside[NR] ~ /^CNI-/ && inside[NR] !~ /^CNI-HOSTPORT-/) network[inside[NR]]
      if (to[NR] ~ /^CNI-/) network[to[NR]]
      next
    }
    $1 == "-A" && $2 == "CNI-HOSTPORT-DNAT" { mapped = 1 }
    END {
      for (i = 1; i <= NR; i++) if (!(i in named || ours(inside[i]) || ours(to[i]))) print line[i]
    }'
}

# remove_rules yes|no: in one transaction a table.
remove_rules() {
  local family table rules left
  for family in iptables ip6tables; do
    command -v "$family-save" >/dev/null || continue
    for table in filter nat mangle raw; do
      rules=$("$family-save" -t "$table" 2>/dev/null) || continue
      left=$(foreign_rules "$1" <<<"$rules")
      [[ $left == "$rules" ]] || "$family-restore" -w -T "$table" <<<"$left"
    done
  done
}
