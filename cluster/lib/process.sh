# shellcheck shell=bash
# Processes with a memory. Each is recorded as "pid start-time" below <state>/processes, so that a recycled pid is never
# taken for ours, and carries a path of the state folder in its arguments, so that it is found even if its record was lost.

# Clock ticks from boot to the start of a process: with the pid, an identity.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra stat <<<"${stat##*) }"   # the command's name, in parentheses, may hold spaces
  [[ ${stat[0]} != Z ]] || return 1   # dead, and not yet missed by its parent
  echo "${stat[19]}"
}

# The scheduler divides the machine among sessions first. All pods together weigh as much as ten of them, and a dozen that start at
# once would leave an API server too little to answer a lease in time; so each of ours weighs nearly as much as all pods.
UNSTARVED='(echo -10 >/proc/$$/autogroup) 2>/dev/null || true; exec "$@"'

# Nothing that is spawned has business beyond this host, and an API server asks its kubelets through a proxy that it inherits.
PROXIES=(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY)

# spawn STATE NAME COMMAND...: a daemon of its own session in STATE, with its log below STATE/logs.
spawn() {
  local state=$1 name=$2
  shift 2
  mkdir -p "$state"/{logs,processes}
  (
    unset "${PROXIES[@]}"
    if [[ -n ${LOCK:-} ]]; then exec {LOCK}>&-; fi   # else the daemon would hold the lock for ever
    cd "$state" && exec setsid bash -c "$UNSTARVED" "$name" "$@" </dev/null >>"$state/logs/$name.log" 2>&1
  ) &
  echo "$! $(start_time $!)" >"$state/processes/$name.new"
  mv "$state/processes/$name.new" "$state/processes/$name"
  disown 2>/dev/null || true   # else the shell would tell of its death; of one that is dead already it has
}

# The pid of a recorded process that still lives.
pid_of() {
  local pid started
  read -r pid started 2>/dev/null <"$1/processes/$2" || return 1
  [[ -n $started && $(start_time "$pid") == "$started" ]] || return 1
  echo "$pid"
}

alive() { pid_of "$1" "$2" >/dev/null; }
dead() { ! alive "$@"; }

# Starts what is not running yet: ensure STATE NAME COMMAND...
ensure() { alive "$1" "$2" || spawn "$@"; }

# The first of the named processes that does not run.
first_dead() {
  local state=$1 name
  shift
  for name; do alive "$state" "$name" || { echo "$name"; return; }; done
  return 1
}

# Pids of every program of ours that works on this state folder, recorded or not, shims included.
processes_of() {
  local state=$1 name pid folder program argument words
  for name in "$state"/processes/*; do
    if [[ -f $name ]]; then pid_of "$state" "${name##*/}" || true; fi
  done
  for folder in /proc/[0-9]*; do
    mapfile -d '' -t words 2>/dev/null <"$folder/cmdline" || continue
    program=${words[0]:-}
    case ${program##*/} in
      containerd | containerd-shim* | etcd | kube-* | kubelet | coredns) ;;
      *) continue ;;
    esac
    pid=${folder#/proc/}
    for argument in "${words[@]:1}"; do
      if [[ $argument == "$state"/* || $argument == *="$state"/* ]]; then echo "$pid"; break; fi
    done
  done
}

# Kills every process of a state folder at once: the state is thrown away next, so nobody needs to say goodbye.
kill_all() {
  local pids try
  for ((try = 0; try < 50; try++)); do
    mapfile -t pids < <(processes_of "$1" | sort -u)
    ((${#pids[@]})) || return 0
    kill -9 "${pids[@]}" 2>/dev/null || true   # one may have ended by itself
    sleep 0.1
  done
  die "these processes do not die: ${pids[*]}; they may wait for a disk, try again later"
}
