# shellcheck shell=bash
# What the host has in use already of what a cluster needs: ports and addresses. Each conflict is one sentence with its remedy.

# refuse_holder STATE PORT PID REMEDY: dies, unless the process is one of STATE's own. Whose pid cannot be seen is not.
refuse_holder() {
  [[ -n $3 ]] || die "port $2 is in use by a process that cannot be seen from here, perhaps in a container; $4"
  # Not grep -q: it ends the pipe early, which pipefail takes for a failure.
  processes_of "$1" | grep -x "$3" >/dev/null ||
    die "port $2 is in use by $(cat "/proc/$3/comm" 2>/dev/null || echo 'another process') (pid $3); $4"
}

# Every TCP port that STATE's processes will listen on must be free, or held by them already.
check_ports() {
  local state=$1 port line
  shift
  for port; do
    while read -r line; do
      [[ $line =~ pid=([0-9]+) ]] || line=''
      refuse_holder "$state" "$port" "${line:+${BASH_REMATCH[1]}}" 'stop it and try again'
    done < <(ss -Hltnp "sport = :$port")
  done
}

# Who keeps the cluster's DNS from its port, out of what `ss -Hnlp` says of it: the host's own, at addresses of its own, does not.
pids_on_dns_port() {
  awk -v bridge="$BRIDGE_ADDRESS:53" '$4 == bridge || $4 == "0.0.0.0:53" || $4 == "*:53"' | sed -nE 's/.*pid=([0-9]+).*/\1/p' | sort -u
}

check_dns_port() {
  local pid
  while read -r pid; do
    refuse_holder "$STATE" 53 "$pid" "the cluster's DNS listens there at $BRIDGE_ADDRESS; stop it, or let it listen at addresses of its own alone"
  done < <({ ss -Hltnp 'sport = :53' && ss -Hlunp 'sport = :53'; } | pids_on_dns_port)
}

address_number() {
  local part number=0
  for part in ${1//./ }; do number=$((number << 8 | part)); done
  echo "$number"
}

# inside ADDRESS[/LENGTH] RANGE
inside() {
  local length=32 wide=$((32 - ${2#*/}))
  [[ $1 == */* ]] && length=${1#*/}
  ((32 - length <= wide && $(address_number "${1%/*}") >> wide == $(address_number "${2%/*}") >> wide))
}

# What leads elsewhere of the addresses of pods and Services, out of what `ip -4 route` says. A wider route does no harm.
foreign_routes() {
  local to rest range by='(^| )dev ([^ ]+)'
  while read -r to rest; do
    [[ $to =~ ^[0-9.]+(/[0-9]+)?$ && $rest =~ $by && ${BASH_REMATCH[2]} != "$BRIDGE" ]] || continue
    for range in "$POD_RANGE" "$SERVICE_RANGE"; do
      if inside "$to" "$range"; then echo "$to by ${BASH_REMATCH[2]}"; fi
    done
  done
}

check_routes() {
  local routes
  routes=$(ip -4 route show | foreign_routes)
  [[ -z $routes ]] || die "this host sends ${routes//$'\n'/, } and the cluster needs $POD_RANGE and $SERVICE_RANGE for itself; leave that network (a VPN, another cluster) and try again"
}

# What can be told with the programs that are there.
check_conflicts() {
  if command -v ss >/dev/null; then
    check_ports "$STATE" "${CLUSTER_PORTS[@]}"
    check_dns_port
  fi
  if command -v ip >/dev/null; then check_routes; fi
}
